"""Where fetched and built programs are kept: outside the tree, for every checkout of this user."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class ToolUnavailableError(Exception):
    """A program cannot be had here. The message is one line: what is missing, and the remedy."""


@dataclass(frozen=True, slots=True)
class Cache:
    """Folders of finished programs, each filled once and complete from the moment it exists.

    Attributes:
        folder: Everything is below it.
    """

    folder: Path

    def entry(self, name: str, key: str) -> Path:
        """The folder for this version of a program, which may not exist yet."""
        return self.folder / "tools" / f"{sys.platform}-{platform.machine()}" / name / key

    def fill(
        self, entry: Path, make: Callable[[Path], None], *, waiting: Callable[[], None] = lambda: None
    ) -> Path:
        """Return `entry`, filled by `make` if it does not exist.

        `make` gets an empty folder beside it, renamed when it returns: a step that is interrupted
        leaves no entry. One session fills it; another that needs it calls `waiting` and waits.

        Raises:
            ToolUnavailableError: The cache cannot be written to; and what `make` raises.
        """
        if entry.is_dir():
            return entry
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ToolUnavailableError(
                f"cannot write to the cache {self.folder} ({error.strerror}): "
                "set POLLWATCH_CACHE to a folder that can be written to"
            ) from error
        with _locked(entry.with_name(f"{entry.name}.lock"), waiting):
            if entry.is_dir():
                return entry
            for left_over in entry.parent.glob(f"{entry.name}.partial-*"):
                shutil.rmtree(left_over, ignore_errors=True)
            partial = Path(tempfile.mkdtemp(prefix=f"{entry.name}.partial-", dir=entry.parent))
            try:
                make(partial)
                partial.chmod(0o755)
                partial.rename(entry)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
        return entry


@contextlib.contextmanager
def _locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    # The kernel drops the lock with the process that holds it: there is no stale lock.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
