"""A worker of a pool: one process that probes what its plan folder says, and tells what it finds."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pollwatch import __version__
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.egress import IPNetwork
from pollwatch.plan.reports import WorkerReport
from pollwatch.probes.network import Network, system_network
from pollwatch.worker.feed_app import FeedApp
from pollwatch.worker.health import Health
from pollwatch.worker.keys import KeyRing
from pollwatch.worker.plan_folder import HEADER_FILE, FolderError, PlanFiles, PlanFolder, follow
from pollwatch.worker.plan_intake import Outcome, PlanIntake
from pollwatch.worker.plan_metrics import PoolWorkerMetrics
from pollwatch.worker.plan_push import PlanPush
from pollwatch.worker.prober import Prober
from pollwatch.worker.process import MOST_PROBES
from pollwatch.worker.report import Pulse

DRAIN = 10.0
"""Seconds that probes under way may still take when the worker is told to stop."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a worker is told on its command line."""

    plan: Path
    """The folder with its plan and its keys."""
    listen: str
    """`HOST:PORT`."""
    hosts_file: Path | None = None
    node_addresses: tuple[IPNetwork, ...] = ()
    """Addresses of the machine it runs on: protected, whatever the plan's policy knows of them."""
    max_in_flight: int = MOST_PROBES


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Be a worker until `stop` is set.

    Raises:
        ListenError: The address to serve on cannot be had.
    """
    network = system_network(hosts_file=settings.hosts_file, clock=SystemClock())
    try:
        await PoolWorker(settings, network, cpu=time.process_time).run(stop)
    finally:
        await network.aclose()


class PoolWorker:
    """The parts of a worker, put together."""

    def __init__(self, settings: Settings, network: Network, *, cpu: Callable[[], float]) -> None:
        """Put them together; nothing runs before `run`, which must be called in the same event loop.

        Args:
            settings: What it was told.
            network: The way to what is probed, and the clock. Its owner closes it.
            cpu: Gives the CPU time of the process, seconds.
        """
        clock = network.clock
        self._settings = settings
        self._keys = KeyRing()
        self._waits = False
        self._stopping = False
        self._prober = Prober(
            network,
            max_in_flight=settings.max_in_flight,
            protected=settings.node_addresses,
            # It may have been started for one that died, and cannot tell.
            resuming=True,
        )
        metrics, feed = self._prober.metrics, self._prober.feed
        self._pulse = Pulse(clock, cpu=cpu, starts=lambda: metrics.starts)
        self._intake = PlanIntake(self._prober.worker.apply, changed=feed.notice, clock=clock)
        self._feed_app = FeedApp(
            feed=feed,
            states=self._prober.worker.states,
            report=self.report,
            keys=lambda: self._keys.accepted,
        )
        self._push = PlanPush(
            push=self._intake.push, report=lambda: self._intake.report, keys=lambda: self._keys.accepted
        )
        metrics.include(
            PoolWorkerMetrics(
                intake=self._intake, feed=feed, readers=lambda: self._feed_app.readers, pulse=self._pulse
            )
        )
        self._server = self._prober.server(
            settings.listen,
            ready=self.readiness,
            routes={"/feed": self._feed_app},
            uploads={"/plan": self._push},
        )

    @property
    def url(self) -> str:
        """Where a client on this machine finds it, once `run` has begun."""
        return self._server.url

    async def run(self, stop: asyncio.Event) -> None:
        """Serve, follow the plan and probe until `stop` is set; then end in order.

        Raises:
            ListenError: The address to serve on cannot be had.
        """
        await self._server.start()
        logger.info("worker started", extra={"version": __version__, "url": self.url})
        try:
            async with asyncio.TaskGroup() as group:
                following = group.create_task(self._follow(), name="follow-plan")
                group.create_task(self._prober.run(), name="prober")
                pulse = group.create_task(self._pulse.run(), name="pulse")
                await stop.wait()
                logger.info("worker is stopping", extra={"in_flight": self._prober.worker.in_flight})
                self._stopping = True
                self._push.close()
                following.cancel()
                pulse.cancel()
                await self._prober.worker.drain(DRAIN)
            # What the last probes found is told to whoever is waiting.
            self._feed_app.close()
        finally:
            await self._server.stop()
        logger.info("worker stopped")

    def report(self) -> WorkerReport:
        """Say how the worker is."""
        worker, metrics, identity = self._prober.worker, self._prober.metrics, self._intake.identity
        return WorkerReport(
            instance=self._prober.feed.instance,
            version=__version__,
            worker="" if identity is None else identity.worker,
            plan=self._intake.report,
            targets=worker.target_count,
            probes_per_second=worker.rate,
            utilisation=self._pulse.utilisation(),
            lateness=self._pulse.lateness(),
            missed=metrics.missed_starts,
            keys=self._keys.identities,
        )

    def readiness(self) -> Health:
        """Judge whether it probes what it should."""
        if self._stopping:
            return Health(ok=False, message="the worker is stopping")
        if self._intake.is_live:
            return Health(ok=True)
        report = self._intake.report
        if report.fault is not None:
            return Health(ok=False, message=f"no plan: refused as {report.fault}: {report.message}")
        return Health(ok=False, message=f"no plan yet: there is no {self._settings.plan / HEADER_FILE}")

    async def _follow(self) -> None:
        await follow(PlanFolder(self._settings.plan), self._take)

    async def _take(self, found: PlanFiles | FolderError, *, settled: bool) -> bool:
        """Take what is in the plan folder; a defect in that ends no probing."""
        try:
            return await self._take_in(found, settled=settled)
        except Exception:
            logger.exception("the plan folder could not be taken in")
            return True

    async def _take_in(self, found: PlanFiles | FolderError, *, settled: bool) -> bool:
        keys_fit = isinstance(found, FolderError) or self._keys.take(found.keys, settled=settled)
        outcome = await self._intake.mounted(found, settled=settled)
        if outcome is None and not self._waits and not self._intake.is_live:
            self._waits = True
            logger.warning("waiting for a plan", extra={"path": str(self._settings.plan / HEADER_FILE)})
        return keys_fit and outcome is not Outcome.REFUSED
