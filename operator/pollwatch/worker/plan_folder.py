"""The folder that a worker's plan is mounted in: read whole, and again when it changes.

A kubelet swaps the symbolic link `..data` for one to a new folder, so that all files change at once; a
person edits them one by one. Both are noticed through inotify, and by a look now and then where that does
not work. Reading is done in a thread: a disk that hangs holds up no probe.

References:
    https://pkg.go.dev/k8s.io/kubernetes/pkg/volume/util#AtomicWriter
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from watchfiles import awatch

from pollwatch.plan.codec import MAX_PARTS

HEADER_FILE = "plan.json"
KEYS_FILE = "keys.json"
SWAPPED = "..data"
"""What a kubelet swaps."""

MAX_BYTES = 16 << 20
"""Of all files together; a plan of `MAX_PARTS` Secrets has half of it."""
POLL = 10.0
"""Seconds between two looks when nothing is noticed."""
SETTLED = 1.0
"""Seconds without a change after which a fault is no edit under way any more."""
WATCH_AGAIN = 60.0
"""Seconds until it is tried again to watch a folder that cannot be watched."""
_DEBOUNCE = 100
"""Milliseconds of changes that are taken together at most."""

FILES = (HEADER_FILE, *(f"part-{number:03}" for number in range(MAX_PARTS)), KEYS_FILE)

logger = logging.getLogger(__name__)


class FolderError(Exception):
    """The folder cannot be read. The message is one line."""


class PlanFiles(NamedTuple):
    """What is in the folder."""

    header: bytes | None
    """`plan.json`; `None`: there is none."""
    parts: tuple[bytes, ...]
    """Of the payload, those that are there."""
    keys: bytes | None
    """`keys.json`; `None`: there is none."""


class _Stamp(NamedTuple):
    """What changes when a file does."""

    name: str
    changed: int
    """Nanoseconds."""
    size: int
    inode: int


class PlanFolder:
    """Reads the folder where something in it changed. It blocks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamps: tuple[_Stamp, ...] | None = None

    @property
    def state(self) -> Hashable:
        """What it was like when it was read: another value means that it has changed."""
        return self._stamps

    def read(self, *, again: bool = False) -> PlanFiles | None:
        """Read the files; `None` if nothing has changed since they were read, and it need not be `again`.

        Raises:
            FolderError: One of them cannot be read, or there is too much of them.
        """
        try:
            root = self._root()
            stamps = tuple(_stamps(root))
            if stamps == self._stamps and not again:
                return None
            self._stamps = None
            total = sum(stamp.size for stamp in stamps)
            if total > MAX_BYTES:
                raise FolderError(f"{self.path} holds {total} bytes, and a plan has at most {MAX_BYTES}")
            found = {stamp.name: (root / stamp.name).read_bytes() for stamp in stamps}
        except OSError as error:
            raise FolderError(
                f"{error.filename or self.path}: {(error.strerror or str(error)).lower()}"
            ) from error
        self._stamps = stamps
        header, keys = found.pop(HEADER_FILE, None), found.pop(KEYS_FILE, None)
        return PlanFiles(header, tuple(found.values()), keys)

    def _root(self) -> Path:
        """Give the one folder in which all files are of one moment, also if they are swapped meanwhile."""
        swapped = self.path / SWAPPED
        return (swapped if swapped.is_symlink() else self.path).resolve(strict=True)


def _stamps(root: Path) -> Iterator[_Stamp]:
    for name in FILES:
        with contextlib.suppress(FileNotFoundError):
            status = (root / name).stat()
            yield _Stamp(name, status.st_mtime_ns, status.st_size, status.st_ino)


class Take(Protocol):
    """Takes what is in the folder."""

    async def __call__(self, found: PlanFiles | FolderError, *, settled: bool) -> bool:
        """Take it; give whether it is usable.

        Args:
            found: The files, or why they cannot be read.
            settled: Whether they were the same a while ago. What is wrong with those that are not may
                be an edit under way: they are given anew.
        """
        ...


async def follow(folder: PlanFolder, take: Take) -> None:
    """Take what is in the folder, now and each time it changes, until cancelled."""
    changed = asyncio.Event()
    watching = asyncio.create_task(_watch(folder.path, changed.set), name="watch-plan")
    try:
        suspect = False
        while True:
            suspect = await _look(folder, take, suspect=suspect)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SETTLED if suspect else POLL):
                    await changed.wait()
            changed.clear()
    finally:
        watching.cancel()


async def _look(folder: PlanFolder, take: Take, *, suspect: bool) -> bool:
    """Take what is in the folder, if it has changed or was `suspect`; give whether it is suspect now."""
    former = folder.state
    found: PlanFiles | FolderError | None
    try:
        found = await asyncio.to_thread(folder.read, again=suspect)
    except FolderError as error:
        found = error
    if found is None:
        return False
    settled = suspect and folder.state == former
    return not await take(found, settled=settled) and not settled


async def _watch(path: Path, changed: Callable[[], None]) -> None:
    """Call `changed` when something happens in a folder, as far as the system tells."""
    said = False
    while True:
        try:
            async for _ in awatch(
                path, watch_filter=None, debounce=_DEBOUNCE, step=_DEBOUNCE // 4, recursive=False
            ):
                changed()
        except (OSError, RuntimeError) as error:
            # No watch is left (fs.inotify.max_user_watches), or the folder is gone for a while.
            if not said:
                logger.warning(
                    "changes of the plan folder are noticed late: it cannot be watched",
                    extra={"path": str(path), "error": str(error), "poll_seconds": POLL},
                )
            said = True
        await asyncio.sleep(WATCH_AGAIN)
