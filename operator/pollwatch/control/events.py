"""Posts Kubernetes Events about Checks: few, and each one once.

Namespaces take turns, and where too many wait it is the one with the most that loses some: what flaps in
one namespace keeps nobody else's Events back. Those of one namespace are posted in their order.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog

from pollwatch.control.cluster import Cluster, ClusterError, RefusedError
from pollwatch.control.limiter import Budgets, TokenBucket
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.news import News, event_document
from pollwatch.control.turns import Turns
from pollwatch.plan.clock import Clock

BACKLOG = 1000
"""Events that wait to be posted; more are dropped and counted, of the namespace that has most of them:
they are news, not a record."""

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

MOST_FAILURES = 66
"""Times that one is tried again at which the API server fails (5xx), ten minutes in all: the etcd that
has Events may be away, or a webhook, and the status that goes with it is written."""

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
        self._backlog = Turns[News](_namespace)
        self._repeats = Turns[News](_namespace)
        """What somebody else has told, probably; posted when there is nothing new to tell."""
        self._posting: News | None = None
        self._refusals: dict[str, int] = {}
        """How often in a row the next Event of a namespace was refused."""
        self._resting: set[str] = set()
        """Namespaces whose next Event was refused, until it is tried again."""
        self._arrived = asyncio.Event()
        self._posted = asyncio.Event()
        self._all = TokenBucket(rate=CLUSTER_RATE, burst=CLUSTER_BURST, clock=clock)
        self._each = Budgets(rate=CHECK_RATE, burst=CHECK_BURST, most=CHECKS_REMEMBERED, clock=clock)
        self._log = structlog.get_logger("pollwatch.events")

    async def idle(self) -> None:
        """Return when nothing new waits to be posted."""
        while self._backlog or self._posting is not None:
            self._posted.clear()
            await self._posted.wait()

    def begin(self) -> None:
        """Forget what waits: whoever led meanwhile has told it."""
        self._backlog.clear()
        self._repeats.clear()
        self._refusals.clear()
        self._resting.clear()
        self._posting = None

    def record(self, said: News) -> None:
        """Queue an Event, unless its Check says too much."""
        if not self._each.of(said.uid).try_take():
            self._metrics.events.labels("limited").inc()
            return
        # Of one Check, what was told before comes before what is new.
        for earlier in self._repeats.of(said.key.namespace):
            if earlier.uid == said.uid:
                self._repeats.discard(earlier)
                self._backlog.add(earlier)
        self._backlog.add(said)
        if len(self._backlog) > BACKLOG:
            self._backlog.shorten()
            self._metrics.events.labels("limited").inc()
        self._arrived.set()

    def repeat(self, said: News) -> None:
        """Queue an Event that was told already, unless who should have told it died before."""
        if len(self._repeats) < BACKLOG:
            self._repeats.add(said)
            self._arrived.set()

    async def run(self) -> None:
        """Post what is queued, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                said = self._backlog.take(self._resting) or self._repeats.take(self._resting)
                if said is None:
                    self._arrived.clear()
                    await self._arrived.wait()
                    continue
                self._posting = said
                await self._all.take(self._sleep)
                delay = await self._post_isolated(said)
                if delay is not None:
                    self._backlog.put_back(said)
                    self._resting.add(said.key.namespace)
                    group.create_task(self._rest(said.key.namespace, delay))
                self._posting = None
                self._posted.set()

    async def _rest(self, namespace: str, seconds: float) -> None:
        await self._sleep(seconds)
        self._resting.discard(namespace)
        self._arrived.set()

    async def _post_isolated(self, said: News) -> float | None:
        """Post one; a defect that it meets ends here, told: the others go on."""
        try:
            return await self._post(said)
        except Exception:  # noqa: BLE001 - logged with its traceback
            self._metrics.reconcile_errors.inc()
            self._metrics.events.labels("failed").inc()
            self._log.exception("posting an Event met a defect", check=str(said.key), reason=said.reason)
            return None

    async def _post(self, said: News) -> float | None:
        """Post one, and wait for an API server that is away or busy.

        Returns:
            Seconds until it is to be tried again, when the API server refused it; `None`: it need not be.
        """
        document = event_document(said, instance=self._instance, now=self._clock.time())
        failures = 0
        while True:
            wait: float | None = None
            try:
                await self._cluster.create_event(said.key.namespace, document)
            except RefusedError as error:
                if error.code != HTTPStatus.TOO_MANY_REQUESTS:
                    return self._refused(said, error)
                wait = error.retry_after
            except ClusterError:
                pass
            else:
                self._metrics.events.labels("created").inc()
                self._refusals.pop(said.key.namespace, None)
                return None
            failures += 1
            await self._sleep(max(_delay(failures), wait or 0.0))

    def _refused(self, said: News, error: RefusedError) -> float | None:
        """Say when to try again what was refused; `None`: not at all."""
        namespace = said.key.namespace
        refusals = self._refusals.pop(namespace, 0) + 1
        if error.code == HTTPStatus.CONFLICT:
            self._metrics.events.labels("repeated").inc()
            return None
        most = MOST_FAILURES if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR else MOST_REFUSALS
        if not error.retriable or _ENDING in str(error) or refusals > most:
            self._failed(said, error)
            return None
        self._refusals[namespace] = refusals
        return max(_delay(refusals), error.retry_after or 0.0)

    def _failed(self, said: News, error: ClusterError) -> None:
        self._metrics.events.labels("failed").inc()
        self._log.warning("event was not posted", check=str(said.key), reason=said.reason, error=str(error))


def _namespace(said: News) -> str:
    return said.key.namespace


def _delay(failures: int) -> float:
    return min(RETRY_LIMIT, RETRY_BASE * 2.0 ** min(failures - 1, 8))
