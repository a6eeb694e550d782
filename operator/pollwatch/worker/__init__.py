"""The data plane's process: schedule, run, feed, serve."""
