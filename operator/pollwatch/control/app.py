"""The operator with its data plane embedded: start, run, drain, stop."""

import asyncio
import contextlib
import math
import random
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from pollwatch import __version__
from pollwatch.compile.pool import PoolSettings
from pollwatch.compile.references import Reference
from pollwatch.control.cluster import CHECKS, CONFIG_MAPS, SECRETS, Cluster
from pollwatch.control.credentials import load_credentials
from pollwatch.control.data_plane import EmbeddedDataPlane
from pollwatch.control.events import Recorder, news
from pollwatch.control.fetcher import Fetcher
from pollwatch.control.inbox import Inbox
from pollwatch.control.intake import Intake
from pollwatch.control.limiter import TokenBucket
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.placement import OnePool
from pollwatch.control.preflight import preflight
from pollwatch.control.reconcile import Reconciler
from pollwatch.control.report import Reporter
from pollwatch.control.resync import Resync
from pollwatch.control.store import Novelty, Store
from pollwatch.control.watch import Watch
from pollwatch.control.work_queue import WorkQueue
from pollwatch.control.writer import BURST, RATE, StatusWrite, StatusWriter
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import Clock, SystemClock
from pollwatch.plan.egress import UNRESTRICTED
from pollwatch.probes.network import Network, system_network
from pollwatch.worker.health import Health
from pollwatch.worker.prober import Prober
from pollwatch.worker.process import MOST_PROBES

DRAIN_PROBES = 10.0
"""Seconds that probes under way may still take when the operator is told to stop."""

DRAIN_WRITES = 5.0
"""Seconds for what they found to be written."""

STALE_RESYNCS = 2.5
"""Periods without a successful re-list after which the operator is not ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator is told on its command line."""

    listen: str
    """Where metrics and health are served: `HOST:PORT`."""
    namespaces: tuple[str, ...] = ()
    """Which namespaces are served; empty: all."""
    kubeconfig: str | None = None
    hosts_file: Path | None = None
    resync_period: float = 300.0
    """Seconds between re-lists."""
    max_in_flight: int = MOST_PROBES
    """How many probes may be under way at a time."""
    default_pool: str = "default"
    """The pool of Checks that name none; embedded: of all of them."""


async def operate(settings: Settings, stop: asyncio.Event) -> None:
    """Run the operator until `stop` is set.

    Raises:
        CredentialsError: there is no way to an API server.
        PreflightError: the API server, the CRDs or our rights are not as they must be.
        ListenError: the address to serve on cannot be had.
    """
    clock = SystemClock()
    metrics = ControlMetrics()
    credentials = await load_credentials(settings.kubeconfig, clock=clock)
    cluster = Cluster(credentials, metrics=metrics, clock=clock)
    try:
        await preflight(cluster, settings.namespaces)
        network = system_network(hosts_file=settings.hosts_file, clock=clock)
        try:
            await Operator(settings, cluster=cluster, network=network, metrics=metrics).run(stop)
        finally:
            await network.aclose()
    finally:
        await cluster.close()


class Operator:
    """Both planes, wired together."""

    def __init__(
        self, settings: Settings, *, cluster: Cluster, network: Network, metrics: ControlMetrics
    ) -> None:
        """Wire them; nothing runs before `run`, which must be called in the same event loop.

        Args:
            settings: what the user said.
            cluster: the API server, known to be usable.
            network: the way to what is probed.
            metrics: the control plane's.
        """
        clock: Clock = network.clock
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._log = structlog.get_logger("pollwatch.operator")
        self._inbox = Inbox(loop)
        self._store = Store()
        checks = WorkQueue[CheckKey](random=random.random, call_later=loop.call_later)
        statuses = WorkQueue[CheckKey](random=random.random, call_later=loop.call_later)
        references = WorkQueue[Reference](random=random.random, call_later=loop.call_later)
        self._queues = (checks, statuses, references)

        self._prober = Prober(network, max_in_flight=settings.max_in_flight)
        self._worker = self._prober.worker
        data_plane = EmbeddedDataPlane(self._worker, self._prober.feed, pool=settings.default_pool)

        self._reporter = Reporter(store=self._store, data_plane=data_plane, offer=statuses.add, clock=clock)
        self._fetcher = Fetcher(cluster=cluster, store=self._store, queue=references, recompile=checks.add)
        self._reconciler = Reconciler(
            store=self._store,
            queue=checks,
            reporter=self._reporter,
            data_plane=data_plane,
            want=self._fetcher.want,
            placement=OnePool(
                PoolSettings(name=settings.default_pool, labels=(), egress=UNRESTRICTED, host_rate=math.inf)
            ),
            metrics=metrics,
            clock=clock,
        )
        self._recompile = checks.add
        self._recorder = Recorder(
            cluster=cluster, metrics=metrics, clock=clock, instance=socket.gethostname()
        )
        self._writer = StatusWriter(
            cluster=cluster,
            queue=statuses,
            due=self._reporter.due,
            written=self._written,
            limit=TokenBucket(rate=RATE, burst=BURST, clock=clock),
            metrics=metrics,
        )
        self._intake = Intake(
            store=self._store, recompile=checks.add, report=statuses.add, metrics=metrics, clock=clock
        )
        self._resync = Resync(
            cluster=cluster,
            store=self._store,
            intake=self._intake,
            fetch=self._fetcher.want,
            namespaces=settings.namespaces or (None,),
            period=settings.resync_period,
            metrics=metrics,
            clock=clock,
            random=random.random,
        )
        self._watch = Watch(
            resources=(CHECKS, SECRETS, CONFIG_MAPS),
            inbox=self._inbox,
            credentials=cluster.credentials,
            namespaces=settings.namespaces,
            metrics=metrics,
            started=self._resync.soon,
            random=random.random,
        )
        metrics.watch_queues(reconcile=lambda: len(checks), status=lambda: len(statuses))
        metrics.watch_checks(self._reconciler.count)
        self._ready = False
        self._server = self._prober.server(settings.listen, ready=self._readiness, also=(metrics,))

    async def run(self, stop: asyncio.Event) -> None:
        """Serve, watch and probe until `stop` is set; then end in order.

        Raises:
            ListenError: the address to serve on cannot be had.
        """
        await self._server.start()
        self._log.info(
            "operator started",
            version=__version__,
            url=self._server.url,
            namespaces=list(self._settings.namespaces) or "all",
        )
        try:
            async with asyncio.TaskGroup() as group:
                outside = [
                    group.create_task(self._watch.run(), name="watch"),
                    group.create_task(self._resync.run(), name="resync"),
                ]
                inside = [
                    group.create_task(self._intake.run(self._inbox), name="intake"),
                    group.create_task(self._fetcher.run(), name="fetcher"),
                    group.create_task(self._reconciler.run(), name="reconcile"),
                    group.create_task(self._reconciler.apply(), name="apply"),
                    group.create_task(self._reporter.run(), name="report"),
                    group.create_task(self._reporter.sweep(), name="sweep"),
                    group.create_task(self._writer.run(), name="writer"),
                    group.create_task(self._recorder.run(), name="events"),
                    group.create_task(self._prober.run(), name="prober"),
                    group.create_task(self._become_ready(), name="ready"),
                ]
                await stop.wait()
                self._log.info("operator is stopping", probes_in_flight=self._worker.in_flight)
                await _cancel(outside)
                await self._drain()
                await _cancel(inside)
        finally:
            for queue in self._queues:
                queue.close()
            await self._server.stop()
        self._log.info("operator stopped")

    async def _become_ready(self) -> None:
        await self._resync.listed()
        await self._reconciler.settle()
        self._ready = True
        self._log.info("operator is ready", checks=len(self._store.checks))

    async def _drain(self) -> None:
        """Let what was begun be finished, and what was found be written."""
        self._ready = False
        await self._worker.drain(DRAIN_PROBES)
        await self._reporter.catch_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_WRITES):
                await self._writer.idle()
                await self._recorder.idle()

    def _readiness(self) -> Health:
        if not self._ready:
            return Health(ok=False, message="not all Checks are listed and compiled yet, or stopping")
        age = self._resync.age
        if age is not None and age > STALE_RESYNCS * self._settings.resync_period:
            return Health(ok=False, message=f"no list of Checks has succeeded for {age:.0f} s")
        return Health(ok=True)

    def _written(self, key: CheckKey, write: StatusWrite, answer: dict[str, Any]) -> None:
        if self._store.observe_check(answer) is Novelty.SPEC:
            self._recompile(key)
        for said in news(key, write.uid, write.before, write.after):
            self._recorder.record(said)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
