"""Posts Kubernetes Events about Checks: few, and each one once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog

from pollwatch.control.cluster import Cluster, ClusterError, RefusedError
from pollwatch.control.limiter import Budgets, TokenBucket
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.news import News, event_document
from pollwatch.plan.clock import Clock

BACKLOG = 1000
"""Events that wait to be posted; more are dropped and counted: they are news, not a record."""

CLUSTER_RATE, CLUSTER_BURST = 20.0, 200.0
"""Events a second for all Checks together."""

CHECK_RATE, CHECK_BURST = 1 / 60, 10.0
"""Events a second for one Check: one that flaps all day must not fill etcd."""

CHECKS_REMEMBERED = 10_000
"""Checks whose budget is remembered."""

RETRY_BASE, RETRY_LIMIT = 0.5, 10.0
"""Seconds before an Event is posted again, doubled for each failure in a row, and at most."""

MOST_REFUSALS = 6
"""Times that one Event is tried again that the API server refuses, half a minute in all: one that
was just started knows nobody's rights yet."""

_ENDING = "being terminated"
"""What the API server says of a namespace in which nothing can be made any more."""


class Recorder:
    """Posts Events in the background; while the API server is away they wait."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        metrics: ControlMetrics,
        clock: Clock,
        instance: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cluster = cluster
        self._metrics = metrics
        self._clock = clock
        self._instance = instance
        self._sleep = sleep
        self._backlog: deque[News] = deque()
        self._repeats: deque[News] = deque()
        """What somebody else has told, probably; posted when there is nothing new to tell."""
        self._arrived = asyncio.Event()
        self._posted = asyncio.Event()
        self._all = TokenBucket(rate=CLUSTER_RATE, burst=CLUSTER_BURST, clock=clock)
        self._each = Budgets(rate=CHECK_RATE, burst=CHECK_BURST, most=CHECKS_REMEMBERED, clock=clock)
        self._log = structlog.get_logger("pollwatch.events")

    async def idle(self) -> None:
        """Return when nothing new waits to be posted."""
        while self._backlog:
            self._posted.clear()
            await self._posted.wait()

    def begin(self) -> None:
        """Forget what waits: whoever led meanwhile has told it."""
        self._backlog.clear()
        self._repeats.clear()

    def record(self, said: News) -> None:
        """Queue an Event, unless its Check or everybody together says too much."""
        if len(self._backlog) >= BACKLOG or not self._each.of(said.uid).try_take():
            self._metrics.events.labels("limited").inc()
            return
        self._backlog.append(said)
        self._arrived.set()

    def repeat(self, said: News) -> None:
        """Queue an Event that was told already, unless who should have told it died before."""
        if len(self._repeats) < BACKLOG:
            self._repeats.append(said)
            self._arrived.set()

    async def run(self) -> None:
        """Post what is queued, for ever."""
        while True:
            while self._backlog or self._repeats:
                await self._all.take(self._sleep)
                queue = self._backlog or self._repeats
                await self._post(queue[0])
                queue.popleft()
                self._posted.set()
            self._arrived.clear()
            await self._arrived.wait()

    async def _post(self, said: News) -> None:
        """Post one; where the API server cannot be reached, or is busy, try again."""
        document = event_document(said, instance=self._instance, now=self._clock.time())
        failures = refusals = 0
        while True:
            try:
                await self._cluster.create_event(said.key.namespace, document)
            except RefusedError as error:
                if error.code == HTTPStatus.CONFLICT:
                    self._metrics.events.labels("repeated").inc()
                    return
                refusals += 1
                if not error.retriable or _ENDING in str(error) or refusals > MOST_REFUSALS:
                    self._failed(said, error)
                    return
                wait = error.retry_after
            except ClusterError:
                wait = None
            else:
                self._metrics.events.labels("created").inc()
                return
            failures += 1
            delay = min(RETRY_LIMIT, RETRY_BASE * 2.0 ** min(failures - 1, 8))
            await self._sleep(max(delay, wait or 0.0))

    def _failed(self, said: News, error: ClusterError) -> None:
        self._metrics.events.labels("failed").inc()
        self._log.warning("event was not posted", check=str(said.key), reason=said.reason, error=str(error))
