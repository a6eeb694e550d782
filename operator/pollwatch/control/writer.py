"""Writes the status of Checks: when it differs from what the API server holds, and not otherwise.

What is written is worked out when its turn has come, so that everything that happened while a key
waited goes into one write. Each write says which version of the Check it was worked out for: where
somebody else has written since (another leader, a user), the API server turns it away, and the status
is worked out anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple, Self

import structlog

from pollwatch.control.cluster import CHECKS, Cluster, ClusterError, RefusedError
from pollwatch.control.limiter import Budgets, TokenBucket
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.status import CheckStatus, Standing
from pollwatch.control.work_queue import WorkQueue
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import Clock

CONCURRENCY = 16
"""Requests at a time."""

RATE, BURST = 300.0, 50.0
"""Writes a second; an API server of two cores takes about 700, and others need it too."""

CHECK_RATE, CHECK_BURST = 0.2, 5.0
"""Writes a second of one Check: what a flapping one goes through between two of them goes into one."""

CHECKS_REMEMBERED = 10_000
"""Checks whose budget is remembered."""

CONFLICTS = 10
"""Times in a row that a status is worked out anew, at once, because somebody else wrote the Check."""

AFTER_CONFLICTS = 1.0
"""Seconds until the next try after so many."""

NOT_LEADING = 1.0
"""Seconds before a write is thought of again that was held back, for we may not lead any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWrite:
    """A status that has to be written."""

    uid: str
    resource_version: str
    """Of the Check that it was worked out for."""
    before: CheckStatus | None
    after: CheckStatus
    standing: Standing | None = None
    """The last verdict that was told; `None`: nothing was found yet."""


class Pace(NamedTuple):
    """How fast statuses are written."""

    all: TokenBucket
    """All of them together."""
    each: Budgets
    """One Check's."""

    @classmethod
    def make(cls, clock: Clock) -> Self:
        """Make the usual pace."""
        return cls(
            all=TokenBucket(rate=RATE, burst=BURST, clock=clock),
            each=Budgets(rate=CHECK_RATE, burst=CHECK_BURST, most=CHECKS_REMEMBERED, clock=clock),
        )


class StatusWriter:
    """Brings the status that the API server holds to what it should be."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        queue: WorkQueue[CheckKey],
        due: Callable[[CheckKey], StatusWrite | None],
        written: Callable[[CheckKey, StatusWrite, dict[str, Any]], None],
        seen: Callable[[CheckKey, dict[str, Any]], None],
        pace: Pace,
        metrics: ControlMetrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Wire it.

        Args:
            cluster: where to write.
            queue: the Checks whose status may have to be written.
            due: says what has to be written for a Check now, if anything.
            written: is told of each write that succeeded, with the API server's answer.
            seen: is told of a Check as it is, where it was not as we thought.
            pace: how fast.
            metrics: counts outcomes.
            sleep: waits that many seconds.
        """
        self._cluster = cluster
        self._queue = queue
        self._due = due
        self._written = written
        self._seen = seen
        self._limit, self._spacing = pace
        self._failing = False
        """Whether the last write was not answered."""
        self._metrics = metrics
        self._sleep = sleep
        self._log = structlog.get_logger("pollwatch.writer")

    async def idle(self) -> None:
        """Return when nothing waits to be written."""
        await self._queue.join()

    async def run(self, may_write: Callable[[], bool] = lambda: True) -> None:
        """Write what is due, for ever.

        Args:
            may_write: asked right before each write; see `Election.leading`.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENCY):
                group.create_task(self._work(may_write))

    async def _work(self, may_write: Callable[[], bool]) -> None:
        while True:
            key = await self._queue.get()
            try:
                await self._look_at(key, may_write)
            except asyncio.CancelledError:
                # Somebody else leads. Should we again, it is looked at anew.
                self._queue.abandon(key)
                raise
            except Exception:  # noqa: BLE001 - logged with its traceback below
                # A defect, but one Check's: the others go on.
                self._metrics.reconcile_errors.inc()
                delay = self._queue.retry(key)
                self._log.exception("writing a status failed", check=str(key), seconds=round(delay, 1))

    async def _look_at(self, key: CheckKey, may_write: Callable[[], bool]) -> None:
        write = self._due(key)
        if write is None:
            self._queue.done(key)
            return
        spacing = self._spacing.of(write.uid)
        if (wait := spacing.wait()) > 0.0:
            self._queue.postpone(key, wait)
            return
        for _ in range(CONFLICTS):
            await self._limit.take(self._sleep)
            write = self._due(key)
            if write is None:
                self._queue.done(key)
                return
            if not may_write():
                self._queue.postpone(key, NOT_LEADING)
                return
            if await self._write(key, write):
                return
        self._queue.postpone(key, AFTER_CONFLICTS)

    async def _write(self, key: CheckKey, write: StatusWrite) -> bool:
        """Write a status; return whether that is settled: where somebody else was faster, it is not."""
        try:
            answer = await self._cluster.patch_status(
                key.namespace,
                key.name,
                uid=write.uid,
                resource_version=write.resource_version,
                status=write.after.document(),
            )
        except RefusedError as error:
            if error.code == HTTPStatus.CONFLICT:
                return not await self._look_again(key)
            self._refused(key, error)
        except ClusterError as error:
            self._failing = True
            self._retry(key, error, after=None)
        else:
            self._metrics.status_writes.labels("written").inc()
            if self._failing:
                self._failing = False
                self._queue.hurry()
            self._spacing.of(write.uid).try_take()
            self._written(key, write, answer)
            self._queue.done(key)
        return True

    async def _look_again(self, key: CheckKey) -> bool:
        """Read a Check that is not as we thought; return whether it could be."""
        self._metrics.status_writes.labels("conflict").inc()
        try:
            document = await self._cluster.find(CHECKS, key.namespace, key.name)
        except RefusedError as error:
            self._refused(key, error)
        except ClusterError as error:
            self._retry(key, error, after=None)
        else:
            if document is not None:
                self._seen(key, document)
                return True
            self._queue.done(key)
        return False

    def _refused(self, key: CheckKey, error: RefusedError) -> None:
        if error.code == HTTPStatus.NOT_FOUND:
            # The watch tells.
            self._metrics.status_writes.labels("gone").inc()
            self._queue.done(key)
        elif error.retriable:
            if error.code == HTTPStatus.TOO_MANY_REQUESTS:
                self._limit.pause(error.retry_after or 1.0)
            self._retry(key, error, after=error.retry_after)
        else:
            self._metrics.status_writes.labels("refused").inc()
            self._log.error("status was refused", check=str(key), error=str(error))
            self._queue.done(key)

    def _retry(self, key: CheckKey, error: ClusterError, after: float | None) -> None:
        self._metrics.status_writes.labels("retried").inc()
        delay = self._queue.retry(key, after=after)
        self._log.warning(
            "status was not written; trying again",
            check=str(key),
            seconds=round(delay, 1),
            error=str(error),
        )
