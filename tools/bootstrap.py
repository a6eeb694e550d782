"""Make `.venv` from `uv.lock`, on a machine that has only Python.

Uses uv from PATH, or installs the pinned one into the cache outside the tree. Standard
library only: this runs before anything is installed. Says in one line what is missing
when it cannot go on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

MINIMUM = (3, 11)
UV = "uv==0.13.9"
ROOT = Path(__file__).resolve().parent.parent


class CannotGoOnError(Exception):
    """One line for the person at the terminal."""


def cache() -> Path:
    """Where things are kept between checkouts: never inside the tree."""
    named = os.environ.get("POLLWATCH_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pollwatch"


def say(text: str) -> None:
    """Tell what happens, on stderr: stdout belongs to the command that follows."""
    print(f"bootstrap: {text}", file=sys.stderr, flush=True)


def run(*command: str | Path, what: str, quiet: bool = False) -> None:
    """Run a command; its output is shown only as it is needed."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=quiet, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        last = (done.stderr or "").strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise CannotGoOnError(f"{what} failed: {last[0]}")


def find_uv() -> Path:
    """The uv to use, installed first if there is none."""
    found = shutil.which("uv")
    if found:
        return Path(found)
    home = cache() / UV.replace("==", "-")
    uv = home / "bin" / "uv"
    if uv.exists():
        return uv
    say(f"installing {UV} into {home} (once)")
    try:
        run(sys.executable, "-m", "venv", home, what="python -m venv", quiet=True)
    except CannotGoOnError as error:
        shutil.rmtree(home, ignore_errors=True)
        raise CannotGoOnError(
            "Python's venv module does not work here: install it (Debian, Ubuntu: apt install python3-venv)"
            " or install uv yourself"
        ) from error
    run(home / "bin" / "python", "-m", "pip", "install", "--quiet", UV, what=f"pip install {UV}", quiet=True)
    return uv


def up_to_date(stamp: Path) -> bool:
    """Whether `.venv` was made from the present lock file by this Python."""
    wanted = [ROOT / "uv.lock", ROOT / "pyproject.toml"]
    return stamp.exists() and all(stamp.stat().st_mtime >= path.stat().st_mtime for path in wanted)


def main() -> int:
    """Bootstrap; exit code 1 when it cannot be done."""
    if sys.version_info < MINIMUM:
        found = ".".join(map(str, sys.version_info[:3]))
        raise CannotGoOnError(
            f"Python {found} is too old: install Python 3.11 or newer, or name one: make PYTHON=python3.12"
        )
    if shutil.which("git") is None:
        raise CannotGoOnError("git is missing: install it")
    stamp = ROOT / ".venv" / ".pollwatch-synced"
    if up_to_date(stamp):
        return 0
    uv = find_uv()
    say("installing the locked dependencies into .venv")
    run(uv, "sync", "--frozen", "--python", sys.executable, what="uv sync")
    stamp.touch()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CannotGoOnError as problem:
        say(str(problem))
        sys.exit(1)
