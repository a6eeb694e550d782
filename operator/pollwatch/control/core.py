"""What every operator does, whatever does the probing: watch, compile, report."""

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple, Self

import structlog

from pollwatch.compile.references import Reference
from pollwatch.control.alerting.outcomes import NO_ALERTS
from pollwatch.control.alerting.renderer import RuleRenderer
from pollwatch.control.alerting.service import Alerting
from pollwatch.control.alerting.settings import AlertSettings
from pollwatch.control.cluster import CHECKS, CONFIG_MAPS, SECRETS, Cluster, Resource
from pollwatch.control.data_plane import DataPlane
from pollwatch.control.events import Recorder
from pollwatch.control.fetcher import Fetcher
from pollwatch.control.follower import Follower
from pollwatch.control.inbox import Inbox
from pollwatch.control.intake import Intake
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.placement import Placement
from pollwatch.control.reconcile import Reconciler
from pollwatch.control.report import Reporter
from pollwatch.control.resync import Resync
from pollwatch.control.settings import Settings
from pollwatch.control.store import Novelty, Store
from pollwatch.control.watch import Watch
from pollwatch.control.work_queue import WorkQueue
from pollwatch.control.writer import Pace, StatusWrite, StatusWriter
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import Clock
from pollwatch.worker.health import Health

STALE_RESYNCS = 2.5
"""Periods without a successful re-list after which the operator is not ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """What is of interest in the cluster beside Checks, Secrets and ConfigMaps."""

    followers: Mapping[Resource, Follower] = field(default_factory=dict)
    """Who holds what."""
    watches: Sequence[tuple[Sequence[Resource], Sequence[str]]] = ()
    """What is watched, and in which namespaces (none: all)."""


NO_OTHERS = Others()


class Job(NamedTuple):
    """Something that is done for ever."""

    name: str
    work: Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """Who waits to be looked at. Namespaces take turns: a tenant with many Checks holds up no other."""

    checks: WorkQueue[CheckKey]
    """To be compiled."""
    statuses: WorkQueue[CheckKey]
    """To be written."""
    references: WorkQueue[Reference]
    """To be read."""

    @classmethod
    def make(cls) -> Self:
        """Make empty queues that belong to the running event loop."""
        later, owner = asyncio.get_running_loop().call_later, attrgetter("namespace")
        return cls(
            checks=WorkQueue(random=random.random, call_later=later, owner=owner),
            statuses=WorkQueue(random=random.random, call_later=later, owner=owner),
            references=WorkQueue(random=random.random, call_later=later, owner=owner),
        )

    def close(self) -> None:
        """Forget what waits."""
        for queue in (self.checks, self.statuses, self.references):
            queue.close()


class Core:
    """The control plane of one operator, but for what hosts its data plane."""

    def __init__(
        self,
        settings: Settings,
        *,
        cluster: Cluster,
        queues: Queues,
        data_plane: DataPlane,
        placement: Placement,
        metrics: ControlMetrics,
        clock: Clock,
        others: Others = NO_OTHERS,
    ) -> None:
        """Wire it; nothing runs before its jobs do, which must be in the same event loop.

        Args:
            settings: what the user said.
            cluster: the API server, known to be usable.
            queues: who waits to be looked at.
            data_plane: probes.
            placement: says in which pools.
            metrics: the control plane's.
            clock: now.
            others: what else is of interest in the cluster.
        """
        self._settings = settings
        self._clock = clock
        self._queues = queues
        self._inbox = Inbox(asyncio.get_running_loop())
        self.store = Store()
        self._recorder = Recorder(
            cluster=cluster, metrics=metrics, clock=clock, instance=socket.gethostname()
        )
        self._alerting = self._alerting_of(settings.alerts, cluster, placement, metrics)
        self._reporter = Reporter(
            store=self.store,
            data_plane=data_plane,
            offer=queues.statuses.add,
            tell=self._recorder.record,
            repeat=self._recorder.repeat,
            met_defect=metrics.reconcile_errors.inc,
            clock=clock,
            alerts=self._alerting or NO_ALERTS,
        )
        self._fetcher = Fetcher(
            cluster=cluster,
            store=self.store,
            queue=queues.references,
            recompile=queues.checks.add,
            metrics=metrics,
        )
        self._reconciler = Reconciler(
            store=self.store,
            queue=queues.checks,
            reporter=self._reporter,
            data_plane=data_plane,
            want=self._fetcher.want,
            placement=placement,
            metrics=metrics,
            clock=clock,
        )
        if self._alerting is not None:
            self._reconciler.subscribe(self._alerting.changed)
        self._writer = StatusWriter(
            cluster=cluster,
            queue=queues.statuses,
            due=self._reporter.due,
            written=self._written,
            seen=self._seen,
            pace=Pace.make(clock),
            metrics=metrics,
        )
        self._intake = Intake(
            store=self.store,
            recompile=queues.checks.add,
            report=queues.statuses.add,
            metrics=metrics,
            clock=clock,
            followers=others.followers,
        )
        self._resync = Resync(
            cluster=cluster,
            store=self.store,
            intake=self._intake,
            fetch=self._fetcher.want,
            namespaces=settings.namespaces or (None,),
            period=settings.resync_period,
            metrics=metrics,
            clock=clock,
            random=random.random,
        )
        served = ((CHECKS, SECRETS, CONFIG_MAPS), settings.namespaces)
        self._watches = [
            Watch(
                resources=resources,
                inbox=self._inbox,
                credentials=cluster.credentials,
                namespaces=namespaces,
                metrics=metrics,
                started=self._resync.soon,
                random=random.random,
            )
            for resources, namespaces in (served, *others.watches)
        ]
        metrics.watch_queues(reconcile=lambda: len(queues.checks), status=lambda: len(queues.statuses))
        metrics.watch_checks(self._reconciler.count)
        self._ready = False
        self._settled = asyncio.Event()
        self._log = structlog.get_logger("pollwatch.operator")

    def listening(self) -> Iterable[Job]:
        """Give what hears from the cluster."""
        for number, watch in enumerate(self._watches):
            yield Job(f"watch-{number}", watch.run())
        yield Job("resync", self._resync.run())

    def compiling(self) -> Iterable[Job]:
        """Give what makes plans of it."""
        yield Job("intake", self._intake.run(self._inbox))
        yield Job("fetcher", self._fetcher.run())
        yield Job("reconcile", self._reconciler.run())
        yield Job("apply", self._reconciler.apply())
        yield Job("ready", self._become_ready())

    def reporting(self, may_write: Callable[[], bool] = lambda: True) -> Iterable[Job]:
        """Give what writes to the cluster what was found: of several operators, one may.

        Args:
            may_write: asked right before a status is written; see `Election.leading`.
        """
        # First, since the reporter begins with what is to be told again.
        self._recorder.begin()
        self._reporter.begin()
        yield Job("report", self._reporter.run())
        yield Job("sweep", self._reporter.sweep())
        yield Job("writer", self._writer.run(may_write))
        yield Job("events", self._recorder.run())
        if self._alerting is not None:
            yield Job("alerting", self._alerting.run(may_write))

    async def settled(self) -> None:
        """Return when all there is was listed and compiled."""
        await self._settled.wait()

    async def catch_up(self) -> None:
        """Return when all there is now is compiled: a watch may lag behind who led before."""
        await self._resync.refresh()
        await self._reconciler.catch_up()

    def stop(self) -> None:
        """Be not ready any more."""
        self._ready = False

    async def settle_reports(self, seconds: float) -> None:
        """Have what was found until now written, for so long at most; `reporting` must be running."""
        await self._reporter.catch_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._writer.idle()
                await self._recorder.idle()

    def readiness(self) -> Health:
        """Judge whether the operator knows what is to be probed."""
        if not self._ready:
            return Health(ok=False, message="not all Checks are listed and compiled yet, or stopping")
        age = self._resync.age
        if age is not None and age > STALE_RESYNCS * self._settings.resync_period:
            return Health(ok=False, message=f"no list of Checks has succeeded for {age:.0f} s")
        return Health(ok=True)

    async def _become_ready(self) -> None:
        await self._resync.listed()
        await self._reconciler.settle()
        self._ready = True
        self._settled.set()
        self._log.info("operator is ready", checks=len(self.store.checks))

    def _alerting_of(
        self, settings: AlertSettings | None, cluster: Cluster, placement: Placement, metrics: ControlMetrics
    ) -> Alerting | None:
        if settings is None:
            return None

        async def known() -> None:
            await self._resync.listed()
            await placement.known()

        return Alerting(
            settings=settings,
            cluster=cluster,
            store=self.store,
            scopes=self._settings.namespaces or (None,),
            renderer=RuleRenderer(settings),
            pool_alert=placement.alert_of,
            offer=self._queues.statuses.add,
            known=known,
            metrics=metrics,
            clock=self._clock,
            random=random.random,
        )

    def _written(self, key: CheckKey, write: StatusWrite, answer: dict[str, Any]) -> None:
        self._seen(key, answer)
        self._reporter.written(key, write)

    def _seen(self, key: CheckKey, check: dict[str, Any]) -> None:
        if self.store.observe_check(check) is Novelty.SPEC:
            self._queues.checks.add(key)


def start(group: asyncio.TaskGroup, jobs: Iterable[Job]) -> list[asyncio.Task[None]]:
    """Start jobs in a group."""
    return [group.create_task(job.work, name=job.name) for job in jobs]


async def cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End tasks, and return when they have ended."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
