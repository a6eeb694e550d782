"""The command line: `pollwatch COMMAND`."""

from pollwatch.cli.commands import main

__all__ = ["main"]
