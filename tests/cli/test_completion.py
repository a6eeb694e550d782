"""`pollwatch completion`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.commands import pollwatch

BIN = Path(sys.executable).parent
ASK = """
set -euo pipefail
compopt() { printf 'compopt %s\\n' "$*"; }  # the builtin works at a prompt only
source <(pollwatch completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_pollwatch_completion pollwatch
printf '%s\\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"}
"""


def completed(*words: str) -> list[str]:
    """What a real bash offers for the last word of a line."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", ASK, "bash", "pollwatch", *words],
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_a_command() -> None:
    assert completed("va") == ["validate"]


def test_bash_offers_all_commands() -> None:
    assert {"run", "operator", "status", "worker", "probe", "validate", "crds"} <= set(completed(""))


def test_bash_completes_an_option() -> None:
    assert completed("validate", "--str") == ["--strict"]


def test_bash_completes_the_value_of_an_option() -> None:
    assert completed("validate", "-o", "j") == ["json"]


def test_bash_completes_files_where_a_path_is_wanted() -> None:
    assert completed("validate", "checks/") == ["compopt", "-o", "default"]  # bash looks itself


async def test_other_shells_have_a_script_too() -> None:
    for shell in ("zsh", "fish"):
        done = await pollwatch("completion", shell)
        assert done.code == 0
        assert "_POLLWATCH_COMPLETE" in done.out


async def test_a_shell_that_is_not_known_is_refused_with_those_that_are() -> None:
    done = await pollwatch("completion", "tcsh")

    assert done.code == 2
    assert "bash" in done.err
