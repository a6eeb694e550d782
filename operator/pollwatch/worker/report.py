"""How busy and how punctual a worker was lately: what it reports of itself."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pollwatch.plan.clock import Clock
from pollwatch.worker.health import LATENESS_BUCKETS

INTERVAL = 5.0
"""Seconds between two readings."""
UTILISATION_WINDOW = 30.0
LATENESS_WINDOW = 60.0
"""How far back the figures look, seconds."""
QUANTILE = 0.99


class Reading(NamedTuple):
    """The counters of the process at one moment."""

    at: float
    """Monotonic seconds."""
    cpu: float
    """Seconds of CPU that the process has used."""
    starts: tuple[int, ...]
    """Probes started so far, by their lateness: one number for each of `LATENESS_BUCKETS`, one for more."""


class Pulse:
    """Reads the counters now and then, and tells what became of them lately."""

    def __init__(
        self, clock: Clock, *, cpu: Callable[[], float], starts: Callable[[], tuple[int, ...]]
    ) -> None:
        """Begin with a first reading.

        Args:
            clock: Now.
            cpu: Gives the CPU time of the process, seconds.
            starts: Gives the counts of starts by lateness; see `Reading`.
        """
        self._clock = clock
        self._cpu = cpu
        self._starts = starts
        self._readings = deque([self._read()], maxlen=round(LATENESS_WINDOW / INTERVAL) + 1)

    def beat(self) -> None:
        """Take a reading."""
        self._readings.append(self._read())

    async def run(self) -> None:
        """Take one each `INTERVAL`, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            self.beat()

    def utilisation(self) -> float:
        """Give the share of one core that the process used lately."""
        now = self._read()
        then = self._reading(now.at - UTILISATION_WINDOW)
        return max(0.0, now.cpu - then.cpu) / (now.at - then.at) if now.at > then.at else 0.0

    def lateness(self) -> float:
        """Give the 99th percentile of how late probes were started lately, seconds."""
        now = self._read()
        then = self._reading(now.at - LATENESS_WINDOW)
        return quantile(
            QUANTILE, [after - before for before, after in zip(then.starts, now.starts, strict=True)]
        )

    def _read(self) -> Reading:
        return Reading(self._clock.monotonic(), self._cpu(), self._starts())

    def _reading(self, since: float) -> Reading:
        """Give the oldest reading that is not older, or else the newest."""
        return next((reading for reading in self._readings if reading.at >= since), self._readings[-1])


def quantile(share: float, counts: Sequence[int]) -> float:
    """Estimate a quantile of what was counted in `LATENESS_BUCKETS`, as Prometheus' histogram_quantile does.

    What lies above the last bucket counts as its upper bound; with no observation it is 0.
    """
    wanted = share * sum(counts)
    below, lower = 0, 0.0
    for upper, count in zip(LATENESS_BUCKETS, counts, strict=False):
        if count and below + count >= wanted:
            return lower + (upper - lower) * (wanted - below) / count
        below, lower = below + count, upper
    return lower if below < sum(counts) else 0.0
