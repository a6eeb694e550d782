"""What is exposed: one declarative table of metrics, rendered when a probe ends."""
