"""How long the machine kept processes waiting: what it did is not what they did."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

_EVERY = 0.25
"""Seconds between two looks."""
_TELLING = 0.5
"""Seconds of which it can be said how long processes waited."""
_MOST = 0.8
"""Of the time, that a clock stands still: things go on happening on the busiest machine."""
_PROC = Path("/proc")


class Machine:
    """Notes, for the time of the block, how long each child of this process was ready to run and did not.

    The kernel counts it (`/proc/PID/schedstat`, the second number): other processes had the cores. A
    process that burns them itself, sleeps, or waits for an answer does not wait in this sense.
    """

    def __init__(self) -> None:
        self._looks: list[tuple[float, Mapping[int, float]]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="machine", daemon=True)

    def __enter__(self) -> Self:
        # What older processes waited before counts for no moment of the block.
        self._looks.append((-math.inf, dict(_waits())))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def waited(self, begin: float, end: float) -> float:
        """How long the process that waited most did so between two moments (`time.monotonic`), seconds."""
        waits: dict[int, float] = {}
        first: dict[int, float] = {}
        for at, look in list(self._looks):
            if at < begin - _EVERY:
                first.update(look)
            elif at <= end + _EVERY:
                waits.update(look)
        return max((wait - first.get(pid, 0.0) for pid, wait in waits.items()), default=0.0)

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY):
            self._looks.append((time.monotonic(), dict(_waits())))


class MachineClock:
    """Goes as fast as the machine does: while processes wait for a core, it stands nearly still."""

    def __init__(self, machine: Machine) -> None:
        """Begin at 0."""
        self._machine = machine
        self._seen = time.monotonic()
        self._now = 0.0

    def now(self) -> float:
        """Seconds since the beginning."""
        seen, now = self._seen, time.monotonic()
        passed = now - seen
        if passed >= _TELLING:
            waited = min(self._machine.waited(seen, now), _MOST * passed)
            self._now += passed - waited
            self._seen = now
        return self._now


def _waits() -> Iterator[tuple[int, float]]:
    """Each descendant of this process, and how long it has waited in all, seconds."""
    following = [_PROC / "self"]
    while following:
        # What ends meanwhile is told of no more.
        with contextlib.suppress(OSError):
            for children in following.pop().glob("task/*/children"):
                for child in children.read_text().split():
                    following.append(_PROC / child)
                    yield int(child), int((_PROC / child / "schedstat").read_text().split()[1]) / 1e9
