"""Writes the status of Checks: when it differs from what the API server holds, and not otherwise.

What is written is worked out when its turn has come, so that everything that happened
while a key waited goes into one write.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog

from pollwatch.control.cluster import Cluster, ClusterError, RefusedError
from pollwatch.control.limiter import TokenBucket
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.status import CheckStatus
from pollwatch.control.work_queue import WorkQueue
from pollwatch.plan.checks import CheckKey

CONCURRENCY = 16
"""Requests at a time."""

RATE, BURST = 300.0, 50.0
"""Writes a second; an API server of two cores takes about 700, and others need it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWrite:
    """A status that has to be written."""

    uid: str
    before: CheckStatus | None
    after: CheckStatus


class StatusWriter:
    """Brings the status that the API server holds to what it should be."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        queue: WorkQueue[CheckKey],
        due: Callable[[CheckKey], StatusWrite | None],
        written: Callable[[CheckKey, StatusWrite, dict[str, Any]], None],
        limit: TokenBucket,
        metrics: ControlMetrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Wire it.

        Args:
            cluster: where to write.
            queue: the Checks whose status may have to be written.
            due: says what has to be written for a Check now, if anything.
            written: is told of each write that succeeded, with the API server's answer.
            limit: how fast.
            metrics: counts outcomes.
            sleep: waits that many seconds.
        """
        self._cluster = cluster
        self._queue = queue
        self._due = due
        self._written = written
        self._limit = limit
        self._metrics = metrics
        self._sleep = sleep
        self._log = structlog.get_logger("pollwatch.writer")

    async def idle(self) -> None:
        """Return when nothing waits to be written."""
        await self._queue.join()

    async def run(self) -> None:
        """Write what is due, for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENCY):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            if self._due(key) is None:
                self._queue.done(key)
                continue
            await self._limit.take(self._sleep)
            write = self._due(key)
            if write is None:
                self._queue.done(key)
                continue
            await self._write(key, write)

    async def _write(self, key: CheckKey, write: StatusWrite) -> None:
        try:
            answer = await self._cluster.patch_status(
                key.namespace, key.name, uid=write.uid, status=write.after.document()
            )
        except RefusedError as error:
            self._refused(key, error)
        except ClusterError as error:
            self._retry(key, error, after=None)
        else:
            self._metrics.status_writes.labels("written").inc()
            self._written(key, write, answer)
            self._queue.done(key)

    def _refused(self, key: CheckKey, error: RefusedError) -> None:
        if error.code in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            # Deleted, or (the uid is a precondition) deleted and made again: the watch tells.
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
