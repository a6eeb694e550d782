"""What a long step is doing, on a terminal or in a log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

_IN_A_TERMINAL_SECONDS = 1.0
_IN_A_LOG_SECONDS = 20.0


class Progress:
    """Lines for a person who waits: what is done, why, and how far it is.

    On a terminal the passing state is one line, rewritten each second; elsewhere it is a line
    now and then, so that nobody takes a build for a hang.
    """

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._rewrites = stream.isatty()
        self._every = _IN_A_TERMINAL_SECONDS if self._rewrites else _IN_A_LOG_SECONDS
        self._last = clock()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._last = self._clock()
        self._write(text, end="\n")

    def passing(self, text: str) -> None:
        """Write the state of things, unless the last one was just now."""
        if self._clock() - self._last >= self._every:
            self._last = self._clock()
            self._write(text, end="" if self._rewrites else "\n")

    def _write(self, text: str, *, end: str) -> None:
        # Back to the start of the line, and clear the rest of what stood there.
        start = "\r\x1b[K" if self._rewrites else ""
        self._stream.write(f"{start}{text}{end}")
        self._stream.flush()


def spoken(seconds: float) -> str:
    """A duration as a person says it, to the second: `"1m05s"`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
