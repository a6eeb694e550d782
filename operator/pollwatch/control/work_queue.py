"""A queue of keys to work on, as controllers have it: level-based, so a key is in it once.

The rules are those of client-go's workqueue: a key that is added while it waits is not
added again; one that is added while it is worked on comes back when that is done. So no
key is ever worked on twice at once. Keys have owners, which take turns: nobody's flood keeps
others from theirs.
"""

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from pollwatch.control.turns import Turns

K = TypeVar("K", bound=Hashable)

BACKOFF_BASE = 0.5
"""Seconds before the first retry; doubled for each that follows."""

BACKOFF_LIMIT = 60.0
"""Seconds between retries, at most."""


def backoff(failures: int, *, jitter: float) -> float:
    """Return the seconds to wait after so many failures in a row.

    Args:
        failures: 1 or more.
        jitter: a random number in [0, 1): the delay is between half of the step and the step,
            so that what failed together does not come back together.
    """
    step = min(BACKOFF_LIMIT, BACKOFF_BASE * 2.0 ** min(failures - 1, 16))
    return step * (0.5 + 0.5 * jitter)


class Timer(Protocol):
    """What `loop.call_later` returns."""

    def cancel(self) -> None:
        """Make the call not happen."""
        ...


CallLater = Callable[[float, Callable[[], None]], Timer]


def _everybody(_key: Hashable) -> None:
    """Let all keys have the same owner."""


class WorkQueue(Generic[K]):
    """Each key once; of one owner, first in, first out. Belongs to one event loop."""

    def __init__(
        self,
        *,
        random: Callable[[], float],
        call_later: CallLater,
        owner: Callable[[K], Hashable] = _everybody,
    ) -> None:
        """Begin empty.

        Args:
            random: numbers in [0, 1), for jitter.
            call_later: calls something after so many seconds.
            owner: says whose a key is; owners take turns.
        """
        self._random = random
        self._call_later = call_later
        self._waiting = Turns(owner)
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, Timer] = {}
        self._held: set[K] = set()
        """Postponed, not failed: adding them changes nothing."""
        self._arrived = asyncio.Event()
        self._finished = asyncio.Event()

    def __len__(self) -> int:
        """Count the keys that wait; those being worked on or held back for a retry are not in it."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being worked on."""
        return not self._waiting and not self._working

    async def join(self) -> None:
        """Return when it is idle; what is held back for a retry is not waited for."""
        while not self.idle:
            self._finished.clear()
            await self._finished.wait()

    def add(self, key: K) -> None:
        """Queue a key, unless it waits already."""
        if key in self._held:
            return
        if key in self._working:
            self._again.add(key)
            return
        self._waiting.add(key)
        self._arrived.set()

    async def get(self) -> K:
        """Take the key whose turn it is; `done` or `retry` must follow."""
        while (key := self._waiting.take()) is None:
            self._arrived.clear()
            await self._arrived.wait()
        self._working.add(key)
        return key

    def done(self, key: K) -> None:
        """Say that the work on a key succeeded (or need not be done)."""
        self._failures.pop(key, None)
        self._drop_timer(key)
        self._finish(key)

    def retry(self, key: K, *, after: float | None = None) -> float:
        """Say that the work failed: the key comes back later, later each time.

        Args:
            key: the key that was worked on.
            after: seconds that the server asked for (`Retry-After`), a lower bound.

        Returns:
            The seconds until it is queued again.
        """
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        delay = max(backoff(failures, jitter=self._random()), after or 0.0)
        self._drop_timer(key)
        self._timers[key] = self._call_later(delay, lambda: self._due(key))
        self._again.discard(key)
        self._finish(key)
        return delay

    def postpone(self, key: K, seconds: float) -> None:
        """Say that it is too early for a key: it comes back then, and no earlier however often it is added.

        That is no failure.
        """
        self._drop_timer(key)
        self._timers[key] = self._call_later(seconds, lambda: self._due(key))
        self._held.add(key)
        self._again.discard(key)
        self._finish(key)

    def hurry(self) -> None:
        """Bring back at once all keys that failed: what made them fail is over."""
        for key in [key for key in self._timers if key not in self._held]:
            self._drop_timer(key)
            self.add(key)

    def abandon(self, key: K) -> None:
        """Say that the work on a key was broken off: it comes back at once."""
        self._again.add(key)
        self._finish(key)

    def forget(self, key: K) -> None:
        """Drop what is known of a key that does not exist any more."""
        self._waiting.discard(key)
        self._again.discard(key)
        self._failures.pop(key, None)
        self._drop_timer(key)

    def close(self) -> None:
        """Cancel the retries that are due later."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._held.clear()

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self._held.discard(key)
        self.add(key)

    def _finish(self, key: K) -> None:
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)
        self._finished.set()

    def _drop_timer(self, key: K) -> None:
        self._held.discard(key)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
