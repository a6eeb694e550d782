"""A small configuration file that is read again when it changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from pollwatch.plan.clock import Clock

T = TypeVar("T")

RECHECK_SECONDS = 2.0
"""How old the knowledge of a file may be: a stat(2) now and then, not one for each probe."""


class WatchedFile(Generic[T]):
    """What a file holds, parsed; at most `RECHECK_SECONDS` old.

    A missing or unreadable file reads as the empty text, as the C library has it.
    """

    def __init__(self, path: Path, parse: Callable[[str], T], *, clock: Clock) -> None:
        self._path = path
        self._parse = parse
        self._clock = clock
        self._check_at = float("-inf")
        self._stamp: tuple[int, int, int] | None = None
        self._value = parse("")

    def value(self) -> T:
        """The parsed content."""
        now = self._clock.monotonic()
        if now >= self._check_at:
            self._check_at = now + RECHECK_SECONDS
            self._refresh()
        return self._value

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp == self._stamp:
                return
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            stamp, text = None, ""
        self._stamp = stamp
        self._value = self._parse(text)
