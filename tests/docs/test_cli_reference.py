"""The reference of the command line has every command and every option that people can give."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from pollwatch.cli.commands import COMMANDS, main

PAGE = (Path(__file__).parents[2] / "docs/reference/cli.md").read_text(encoding="utf-8")


def section(command: str) -> str:
    """What the page says of a command, and of the commands below it."""
    parts = re.split(r"^## `pollwatch ([a-z ]+)`$", PAGE, flags=re.MULTILINE)
    named = zip(parts[1::2], parts[2::2], strict=True)
    return "".join(text for name, text in named if name == command or name.startswith(f"{command} "))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_in_its_section(command: str) -> None:
    shown = CliRunner().invoke(main, [command, "--help"]).stdout
    options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", shown, re.MULTILINE)) - {"--help"}

    assert options or command in ("probe", "crds", "completion")
    assert section(command)
    assert [option for option in options if option not in section(command)] == []
