"""Time, passed in: every test of time runs in no time."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings of time."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps: for deadlines and durations."""
        ...

    def time(self) -> float:
        """Unix seconds: for what people and other systems read."""
        ...


class SystemClock:
    """The machine's clocks."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
