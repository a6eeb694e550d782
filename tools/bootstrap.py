"""Make `.venv` from `uv.lock`, on a machine that has only Python.

Uses uv from PATH, or installs the pinned one into the cache outside the tree. Standard
library only: this runs before anything is installed. Says in one line what is missing
when it cannot go on.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

UV = "uv==0.13.9"
ROOT = Path(__file__).resolve().parent.parent
STAMP = ".pollwatch-synced"
"""In `.venv`: when it was last brought up to date, by its time of change."""
INTERRUPTED = 130
"""The shell's exit code for Ctrl-C."""


class CannotGoOnError(Exception):
    """One line for the person at the terminal."""


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where things are kept between checkouts, never inside the tree.

    `$POLLWATCH_CACHE`, else `pollwatch` in the user's cache folder (XDG Base Directory).
    """
    if own := environment.get("POLLWATCH_CACHE"):
        return Path(own)
    users = environment.get("XDG_CACHE_HOME")
    return (Path(users) if users else Path.home() / ".cache") / "pollwatch"


def find_uv(environment: Mapping[str, str]) -> Path:
    """The uv to use: the one that runs us, the one on PATH, or our own, installed if it is not there.

    Raises:
        CannotGoOnError: It cannot be installed.
    """
    if found := environment.get("UV") or shutil.which("uv", path=environment.get("PATH")):
        return Path(found)
    home = cache_folder(environment) / UV.replace("==", "-")
    uv = home / "bin" / "uv"
    if uv.exists():
        return uv
    if importlib.util.find_spec("ensurepip") is None:
        raise CannotGoOnError(
            "Python's venv module is not complete here: install it (Debian, Ubuntu: "
            "apt install python3-venv), or install uv"
        )
    say(f"installing {UV} into {home} (once)")
    run(sys.executable, "-m", "venv", home, what="python -m venv", quiet=True)
    pip = (home / "bin" / "python", "-m", "pip", "install", "--quiet", UV)
    run(*pip, what=f"pip install {UV}", quiet=True)
    return uv


def up_to_date(venv: Path, sources: tuple[Path, ...]) -> bool:
    """Whether a virtual environment was finished after all its sources changed, and its Python is there."""
    stamp = venv / STAMP
    return (
        stamp.exists()
        and (venv / "bin" / "python").exists()
        and all(stamp.stat().st_mtime >= source.stat().st_mtime for source in sources)
    )


def run(*command: str | Path, what: str, quiet: bool = False) -> None:
    """Run a command; with `quiet` its output is shown only when it fails, and then the last line.

    Raises:
        CannotGoOnError: It failed.
    """
    done = subprocess.run(
        [str(part) for part in command], capture_output=quiet, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        said = f"{done.stdout or ''}\n{done.stderr or ''}".strip().splitlines()
        raise CannotGoOnError(f"{what} failed: {said[-1] if said else f'exit code {done.returncode}'}")


def say(text: str) -> None:
    """Tell what happens, on stderr: stdout belongs to the command that follows."""
    print(f"bootstrap: {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Bring `.venv` up to date.

    Raises:
        CannotGoOnError: It cannot be done.
    """
    if shutil.which("git") is None:
        raise CannotGoOnError("git is missing: install it")
    venv = ROOT / ".venv"
    if up_to_date(venv, (ROOT / "uv.lock", ROOT / "pyproject.toml")):
        return
    uv = find_uv(os.environ)
    say("installing the locked dependencies into .venv")
    run(uv, "sync", "--frozen", "--python", sys.executable, what="uv sync")
    (venv / STAMP).touch()


if __name__ == "__main__":
    try:
        main()
    except CannotGoOnError as problem:
        say(str(problem))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
