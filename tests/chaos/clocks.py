"""Wall clocks that can be stepped while a process runs, by libfaketime (Debian's `libfaketime`).

The monotonic clock is left alone, as when an administrator or NTP sets the time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.cluster.cache import Cache, ToolUnavailableError
from tests.cluster.debian import DebianUnpacker
from tests.cluster.progress import Progress
from tools.bootstrap import cache_folder

_LIBRARY = "usr/lib/*/faketime/libfaketime.so.1"


def libfaketime() -> Path | None:
    """The library: of this machine, or out of its Debian package; `None` where neither is to be had."""
    if installed := next(Path("/").glob(_LIBRARY), None):
        return installed
    unpacker = DebianUnpacker(
        cache=Cache(cache_folder(os.environ)),
        environment=os.environ,
        progress=Progress(sys.__stderr__ or sys.stderr),
    )
    if not unpacker.usable():
        return None
    try:
        return next(unpacker.unpack("libfaketime").glob(_LIBRARY), None)
    except ToolUnavailableError:
        return None


class SteppedClock:
    """The wall clock of some processes, as far as it differs from the machine's."""

    def __init__(self, file: Path, library: Path | None) -> None:
        self._file = file
        self._library = library
        self.step(0.0)

    @property
    def environment(self) -> dict[str, str]:
        """What a process is started with that has this clock."""
        if self._library is None:
            return {}
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Else each timed wait on a monotonic clock ends at once: a thread that waits for the interpreter
            # burns the core that the one who has it needs, and a process takes twice the CPU.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            # Seconds until a step is noticed.
            "FAKETIME_CACHE_DURATION": "1",
        }

    def step(self, seconds: float) -> None:
        """Have the clock so far ahead of the machine's, or behind it."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+.1f}\n", encoding="ascii")
        new.rename(self._file)
