"""The `pollwatch` command: finds the subcommand, and imports only that one.

`pollwatch worker` and `pollwatch probe` start in a blink because what they do not need
(pydantic, kopf, kubernetes) is not imported for them.
"""

import importlib
from collections.abc import Mapping
from types import MappingProxyType

import click
from click.shell_completion import CompletionItem

from pollwatch import __version__
from pollwatch.cli.streams import open_closed_streams

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "run": ("pollwatch.cli.run", "Probe the Checks in files, without a cluster."),
        "operator": ("pollwatch.cli.operate", "Run the operator on a Kubernetes cluster."),
        "status": ("pollwatch.cli.status", "Show pools, their workers, and what is wrong."),
        "worker": ("pollwatch.cli.worker", "Probe what a plan folder says: a worker of a pool."),
        "probe": ("pollwatch.cli.probe", "Probe one target once and show the phases."),
        "validate": ("pollwatch.cli.validate", "Say what is wrong in files of Checks and ProbePools."),
        "rules": ("pollwatch.cli.rules", "Print the alert rules of Checks in files."),
        "crds": ("pollwatch.cli.crds", "Print the custom resource definitions."),
        "completion": ("pollwatch.cli.completion", "Print the script that completes commands in a shell."),
    }
)
"""Each module holds a click command named `command`; the help line is here so that `--help` imports none."""


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the subcommands, in the order people need them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the subcommand's module."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.command must be a click command")
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the subcommands without importing them: somebody waits for it, with a finger on Tab."""
        offered = [
            CompletionItem(name, help=help_line)
            for name, (_, help_line) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return offered + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="pollwatch")
def main() -> None:
    """Synthetic monitoring that samples every address and knows Degraded from Down."""
    open_closed_streams()
