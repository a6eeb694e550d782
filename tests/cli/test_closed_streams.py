"""A caller may have closed a standard stream: that is no reason to fail."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.corpus.corpus import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

NOBODY_LISTENS = """\
apiVersion: pollwatch.dev/v1alpha1
kind: Check
metadata: {name: nobody}
spec: {tcp: {address: "127.0.0.1:1"}}
"""


def pollwatch(*arguments: str | Path, closed: str) -> subprocess.CompletedProcess[str]:
    """Run a command with some standard streams closed, in the words of the shell."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "pollwatch", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_command_without_output_ends_as_it_would_with_it(closed: str, tmp_path: Path) -> None:
    file = tmp_path / "check.yaml"
    file.write_text(NOBODY_LISTENS)
    good, bad = FOLDER / "good" / "http-minimal.yaml", FOLDER / "bad" / "no-protocol.yaml"

    ends = [
        pollwatch("validate", good, closed=closed),
        pollwatch("validate", bad, closed=closed),
        pollwatch("crds", closed=closed),
        pollwatch("run", "--once", file, closed=closed),
        pollwatch("run", "--once", "-o", "json", file, closed=closed),
    ]
    assert [end.returncode for end in ends] == [0, 2, 0, 1, 1]
    assert "Traceback" not in "".join(end.stderr for end in ends)


@pytest.mark.parametrize("command", [("validate", "-"), ("run", "-")], ids=" ".join)
def test_standard_input_that_is_closed_is_an_empty_file(command: tuple[str, ...]) -> None:
    end = pollwatch(*command, closed="<&-")

    assert (end.returncode, end.stderr) == (2, "<stdin>: the file is empty\n")
