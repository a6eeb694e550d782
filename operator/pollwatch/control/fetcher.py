"""Reads the Secrets and ConfigMaps that Checks have begun to refer to.

The watch tells of changes only, and what no Check referred to was not kept.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import structlog

from pollwatch.compile.references import Reference
from pollwatch.control.cluster import CONFIG_MAPS, SECRETS, Cluster, ClusterError, RefusedError
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.store import Store
from pollwatch.control.work_queue import WorkQueue
from pollwatch.plan.checks import CheckKey

WORKERS = 4
"""Requests at a time."""

_RESOURCES = {resource.kind: resource for resource in (SECRETS, CONFIG_MAPS)}


class Fetcher:
    """Fills the store with what it is missing."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        store: Store,
        queue: WorkQueue[Reference],
        recompile: Callable[[CheckKey], None],
        metrics: ControlMetrics,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._queue = queue
        self._recompile = recompile
        self._metrics = metrics
        self._log = structlog.get_logger("pollwatch.fetcher")

    def want(self, reference: Reference) -> None:
        """Have an object read."""
        self._queue.add(reference)

    async def run(self) -> None:
        """Read what is wanted, for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            reference = await self._queue.get()
            try:
                await self._fetch(reference)
            except ClusterError as error:
                self._failed(reference, error)
            except Exception:  # noqa: BLE001 - logged with its traceback
                # A defect, but one object's: the others are read.
                self._metrics.reconcile_errors.inc()
                self._queue.retry(reference)
                self._log.exception("taking in what a Check refers to failed", **reference._asdict())
            else:
                self._queue.done(reference)

    async def _fetch(self, reference: Reference) -> None:
        before = self._store.changes(reference)
        document: dict[str, object] | None
        try:
            document = await self._cluster.get(
                _RESOURCES[reference.kind], reference.namespace, reference.name
            )
        except RefusedError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise
            document = None
        # The watch may have told more than this answer, meanwhile.
        if self._store.changes(reference) == before:
            for key in self._store.observe_data(reference, document):
                self._recompile(key)

    def _failed(self, reference: Reference, error: ClusterError) -> None:
        after = error.retry_after if isinstance(error, RefusedError) else None
        delay = self._queue.retry(reference, after=after)
        self._log.warning(
            "reading what a Check refers to failed; trying again",
            kind=reference.kind,
            namespace=reference.namespace,
            name=reference.name,
            seconds=round(delay, 1),
            error=str(error),
        )
