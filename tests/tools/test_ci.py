"""What CI runs, and what it says where it cannot."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Machine:
    """One with a `make` that writes down what it is to do, and a user."""

    def __init__(self, folder: Path, *, user: int, fails: str = "") -> None:
        self._programs, self._made = folder / "programs", folder / "made"
        self._programs.mkdir()
        self._made.touch()
        self._write("make", f'echo "$1 CI=$CI" >> {self._made}; [ "$1" != "{fails}" ]')
        self._write("id", f"echo {user}")
        shutil.copytree(ROOT / ".ci", folder / "tree" / ".ci")
        self._run = folder / "tree" / ".ci" / "run"

    def _write(self, name: str, script: str) -> None:
        path = self._programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._run],
            check=False,
            capture_output=True,
            text=True,
            env={"PATH": f"{self._programs}:{os.environ['PATH']}", **environment},
        )

    @property
    def made(self) -> list[str]:
        return self._made.read_text().splitlines()


def test_root_checks_tests_and_plays_the_first_half_hour(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=0)
    assert machine.run().returncode == 0
    assert machine.made == ["check CI=true", "test CI=true", "e2e CI=true"]


@pytest.mark.parametrize("part", ["check", "test", "e2e"])
def test_a_part_that_fails_ends_it(tmp_path: Path, part: str) -> None:
    machine = Machine(tmp_path, user=0, fails=part)
    assert machine.run().returncode != 0
    assert machine.made[-1] == f"{part} CI=true"


def test_without_root_it_fails_before_it_begins_and_says_how_to_go_on(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=1000)
    ended = machine.run()
    assert ended.returncode == 1
    assert machine.made == []
    (line,) = ended.stderr.splitlines()
    assert "make e2e, needs root" in line
    assert "POLLWATCH_CI_WITHOUT_E2E=1" in line


def test_the_part_that_needs_root_can_be_left_out_and_that_is_said(tmp_path: Path) -> None:
    machine = Machine(tmp_path, user=1000)
    ended = machine.run(POLLWATCH_CI_WITHOUT_E2E="1")
    assert ended.returncode == 0
    assert machine.made == ["check CI=true", "test CI=true"]
    assert "make e2e was left out" in ended.stderr
