"""Time that a test owns: hours pass in no time, and nothing waits for a noisy machine."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

ELECTION_NIGHT = 1_478_653_200.0
"""8 November 2016, 20:00 in Ottawa, Unix seconds."""


class FakeClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, *, monotonic: float = 1_000.0, unix: float = ELECTION_NIGHT) -> None:
        self._monotonic = monotonic
        self._unix = unix

    def monotonic(self) -> float:
        return self._monotonic

    def time(self) -> float:
        return self._unix

    def advance(self, seconds: float) -> None:
        """Let time pass. Within a coroutine this is a hold: nothing else runs meanwhile."""
        self._monotonic += seconds
        self._unix += seconds

    def set_wall(self, unix: float) -> None:
        """Set the wall clock alone, as an administrator does."""
        self._unix = unix


class _JumpingSelector(selectors.DefaultSelector):
    """Moves the clock on where others would sleep."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("everything waits, and no timer is set: this test would hang for ever")
        self._clock.advance(timeout)
        return []


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers follow a `FakeClock`."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        super().__init__(_JumpingSelector(clock))

    def time(self) -> float:
        return self._clock.monotonic()


def run_in_fake_time(clock: FakeClock, main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; each `sleep` moves the clock and returns at once."""
    with asyncio.Runner(loop_factory=lambda: FakeTimeLoop(clock)) as runner:
        return runner.run(main)
