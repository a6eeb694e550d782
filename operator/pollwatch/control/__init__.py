"""The control plane's process: watch, reconcile, report."""
