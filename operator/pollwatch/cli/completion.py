"""`pollwatch completion`: what a shell needs to complete our commands, options and files."""

import sys

import click
from click.shell_completion import get_completion_class

from pollwatch.cli.terminal import write

PROGRAM = "pollwatch"
VARIABLE = "_POLLWATCH_COMPLETE"
"""With it in the environment the program answers its shell, as click has it."""


EXAMPLES = """\b
bash, in ~/.bashrc:  source <(pollwatch completion bash)
zsh, in ~/.zshrc:    source <(pollwatch completion zsh)
fish, once:          pollwatch completion fish > ~/.config/fish/completions/pollwatch.fish
"""


@click.command(epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that teaches a shell to complete this command."""
    completion = get_completion_class(shell)
    if completion is None:
        raise TypeError(f"click knows no {shell} any more")
    script = completion(context.find_root().command, {}, PROGRAM, VARIABLE)
    write(sys.stdout, script.source() + "\n")
