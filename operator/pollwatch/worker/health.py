"""How the worker itself is: its event loop, its punctuality, its plan.

A prober that has stopped must be visible, and must not look like a target that is down.
"""

import asyncio
import math
import platform
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pollwatch import __version__
from pollwatch.plan.clock import Clock
from pollwatch.series.exposition import Exposition
from pollwatch.worker.scrape import ScrapeOutcome
from pollwatch.worker.timetable import MissedCause

LATENESS_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Upper bounds of the lateness histogram, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What `/healthz` or `/readyz` answers."""

    ok: bool
    message: str = "ok"
    """One line: what is wrong, when it is."""


class Hold(NamedTuple):
    """A time during which the event loop did nothing else."""

    ended: float
    """Monotonic seconds."""
    length: float
    """Seconds."""


class LoopMonitor:
    """Measures how long the event loop was held, by a heartbeat in that very loop.

    A hold shorter than the time between two beats may be seen in part or not at all, so this finds
    what endangers probes, not what makes them a little late: the lateness histogram shows that.
    """

    INTERVAL = 0.1
    """Seconds between two beats."""
    WINDOW = 60.0
    """For how long a hold is remembered, seconds."""
    LIMIT = 5.0
    """A longer hold makes the worker unhealthy, seconds."""
    RECENT = 15.0
    """For how long, seconds: less than a kubelet takes to act on it, so that one hold is no restart."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due = math.inf
        """When the next beat should come; never, while it does not beat."""
        # Longest first: a hold is forgotten when it is old, or when a later one was longer.
        self._holds: deque[Hold] = deque()

    def beat(self) -> None:
        """Note that the loop is here now; whatever it is late by, it was held for."""
        now = self._clock.monotonic()
        hold = Hold(now, max(0.0, now - self._due))
        self._due = now + self.INTERVAL
        while self._holds and self._holds[-1].length <= hold.length:
            self._holds.pop()
        self._holds.append(hold)
        while now - self._holds[0].ended > self.WINDOW:
            self._holds.popleft()

    def held_for(self) -> float:
        """Give for how long the loop has been held by now, in seconds; any thread may ask."""
        return max(0.0, self._clock.monotonic() - self._due)

    def longest_hold(self, within: float = WINDOW) -> float:
        """Give the longest hold of the last `within` seconds (`WINDOW` at most), in seconds."""
        now = self._clock.monotonic()
        return max(self.held_for(), *(hold.length for hold in self._holds if now - hold.ended <= within), 0.0)

    def health(self) -> Health:
        """Judge whether the loop is alive."""
        hold = self.longest_hold(self.RECENT)
        if hold > self.LIMIT:
            return Health(ok=False, message=f"the event loop was held for {hold:.1f} s")
        return Health(ok=True)

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self.beat()
            await asyncio.sleep(self.INTERVAL)


class WorkerMetrics(Collector):
    """What the worker exposes about itself.

    The numbers are plain attributes, because they change with every probe; prometheus_client turns them
    into metric families when they are asked for.
    """

    def __init__(self, clock: Clock, loop: LoopMonitor) -> None:
        self._clock = clock
        self._loop = loop
        self._lateness = [0] * (len(LATENESS_BUCKETS) + 1)
        self._lateness_sum = 0.0
        self._missed: Counter[MissedCause] = Counter()
        self._scrapes: Counter[ScrapeOutcome] = Counter()
        self._applied = 0.0
        self._checks: Callable[[], int] = int
        self._targets: Callable[[], int] = int
        self._in_flight: Callable[[], int] = int
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def include(self, collector: Collector) -> None:
        """Show these metrics too, after the others."""
        self._registry.register(collector)

    @property
    def starts(self) -> tuple[int, ...]:
        """Probes started so far, by their lateness: a count for each of `LATENESS_BUCKETS`, one for more."""
        return tuple(self._lateness)

    @property
    def missed_starts(self) -> int:
        """Starts that were skipped so far."""
        return self._missed.total()

    def started(self, lateness: float) -> None:
        """Count a probe that was started `lateness` seconds after its time."""
        self._lateness[bisect_left(LATENESS_BUCKETS, lateness)] += 1
        self._lateness_sum += lateness

    def missed(self, cause: MissedCause, count: int) -> None:
        """Count starts that were skipped."""
        self._missed[cause] += count

    def scraped(self, outcome: ScrapeOutcome) -> None:
        """Count a scrape by how it ended."""
        self._scrapes[outcome] += 1

    def plan_applied(self) -> None:
        """Note that a plan is in force from now on."""
        self._applied = self._clock.time()

    def follow(
        self, *, checks: Callable[[], int], targets: Callable[[], int], in_flight: Callable[[], int]
    ) -> None:
        """Say where to read what is running, at each scrape."""
        self._checks, self._targets, self._in_flight = checks, targets, in_flight

    def render(self, exposition: Exposition) -> Iterator[bytes]:
        """Render the worker's own metrics, in one slice."""
        encode, _ = choose_encoder(exposition.value)
        yield encode(self._registry).removesuffix(exposition.end)

    def collect(self) -> Iterable[Metric]:
        """Turn the numbers into metric families (called by prometheus_client)."""
        build = InfoMetricFamily("pollwatch_build", "Version of Pollwatch and of what it runs on.")
        build.add_metric([], {"version": __version__, "python": platform.python_version()})
        yield build
        yield self._collect_lateness()
        missed = CounterMetricFamily(
            "pollwatch_worker_missed_starts",
            "Probes that could not be started in time and were skipped, by cause.",
            labels=["cause"],
        )
        for cause in MissedCause:
            missed.add_metric([cause], self._missed[cause])
        yield missed
        scrapes = CounterMetricFamily(
            "pollwatch_worker_scrapes", "Scrapes of this worker, by how they ended.", labels=["outcome"]
        )
        for outcome in ScrapeOutcome:
            scrapes.add_metric([outcome], self._scrapes[outcome])
        yield scrapes
        yield from self._collect_gauges()

    def _collect_lateness(self) -> Metric:
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, LATENESS_BUCKETS), "+Inf"), self._lateness, strict=True):
            total += count
            buckets.append((bound, total))
        return HistogramMetricFamily(
            "pollwatch_worker_start_lateness_seconds",
            "How long after its time a probe was started.",
            buckets=buckets,
            sum_value=self._lateness_sum,
            unit="seconds",
        )

    def _collect_gauges(self) -> Iterator[Metric]:
        for name, text, value in (
            ("probes_in_flight", "Probes that have started and not ended.", self._in_flight()),
            ("plan_checks", "Checks in the plan.", self._checks()),
            ("plan_targets", "Targets that the Checks of the plan expand to.", self._targets()),
            (
                "plan_applied_timestamp_seconds",
                "When the plan was last applied, Unix seconds; 0 before the first.",
                self._applied,
            ),
            (
                "loop_longest_hold_seconds",
                "Longest time in the last minute during which the event loop could start nothing.",
                self._loop.longest_hold(),
            ),
        ):
            yield GaugeMetricFamily(f"pollwatch_worker_{name}", text, value=value)
