"""The operator with its data plane in pools: of several replicas one leads, the others are ready to."""

import asyncio
import random

import structlog

from pollwatch import __version__
from pollwatch.control.cluster import NAMESPACES, PROBE_POOLS, Cluster
from pollwatch.control.core import Core, Job, Others, Queues, cancel, start
from pollwatch.control.election import Election
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.pools.default_pool import DefaultPool
from pollwatch.control.pools.fleet import Fleet
from pollwatch.control.pools.owned import OWNED, OwnedObjects
from pollwatch.control.pools.registry import Pools
from pollwatch.control.settings import Pooled, Settings
from pollwatch.control.side_loop import run_in, side_loop
from pollwatch.plan.clock import Clock
from pollwatch.worker.health import LoopMonitor
from pollwatch.worker.serve import HttpServer

DRAIN_WRITES = 1.0
"""Seconds for what was found to be written when the leader is told to stop: a follower writes the rest."""


class PooledOperator:
    """The control plane alone."""

    def __init__(
        self, settings: Settings, pooled: Pooled, *, cluster: Cluster, metrics: ControlMetrics, clock: Clock
    ) -> None:
        """Wire it; nothing runs before `run`, which must be called in the same event loop.

        Args:
            settings: what the user said.
            pooled: what the user said of pools.
            cluster: the API server, known to be usable.
            metrics: the control plane's.
            clock: now.
        """
        self._settings = settings
        self._pooled = pooled
        self._cluster = cluster
        self._queues = Queues.make()
        pools = Pools(default_pool=settings.default_pool, recompile=self._queues.checks.add)
        owned = OwnedObjects(pooled.system_namespace)
        self._fleet = Fleet(
            cluster=cluster,
            pools=pools,
            owned=owned,
            image=pooled.worker_image,
            instance=pooled.identity,
            metrics=metrics,
            clock=clock,
            random=random.random,
        )
        self._core = Core(
            settings,
            cluster=cluster,
            queues=self._queues,
            data_plane=self._fleet,
            placement=pools,
            metrics=metrics,
            clock=clock,
            others=Others(
                # Listed in this order: no pool is judged before its workers are known.
                followers={**owned.followers, **pools.followers},
                watches=(((*OWNED, PROBE_POOLS, NAMESPACES), (pooled.system_namespace,)),),
            ),
        )
        self._monitor = LoopMonitor(clock)
        self._election = Election(
            credentials=cluster.credentials.copy(),
            namespace=pooled.system_namespace,
            identity=pooled.identity,
            metrics=metrics,
            clock=clock,
            held_for=self._monitor.held_for,
        )
        metrics.watch_process(self._monitor.longest_hold)
        self._server = HttpServer(
            settings.listen, metrics=(metrics,), health=self._monitor.health, ready=self._core.readiness
        )
        self._log = structlog.get_logger("pollwatch.operator")

    async def run(self, stop: asyncio.Event) -> None:
        """Serve, watch, and lead when it is our turn, until `stop` is set; then end in order.

        Raises:
            ListenError: the address to serve on cannot be had.
        """
        core = self._core
        await self._server.start()
        self._log.info(
            "operator started",
            version=__version__,
            url=self._server.url,
            namespaces=list(self._settings.namespaces) or "all",
            identity=self._election.identity,
        )
        try:
            # Where thousands of Checks change at once, renewals do not queue behind them.
            async with side_loop("election") as aside, asyncio.TaskGroup() as group:
                fleet = Job("fleet", self._fleet.follow())
                monitor = Job("monitor", self._monitor.run())
                following = start(group, (*core.listening(), *core.compiling(), fleet, monitor))
                electing = start(group, [Job("election", self._elect(aside))])
                await stop.wait()
                self._log.info("operator is stopping", leading=self._election.leading)
                core.stop()
                if self._election.leading:
                    await core.settle_reports(DRAIN_WRITES)
                # First of all the Lease, so that another one leads while we take our time.
                await cancel(electing)
                await cancel(following)
        finally:
            self._queues.close()
            await self._server.stop()
        self._log.info("operator stopped")

    async def _elect(self, aside: asyncio.AbstractEventLoop) -> None:
        """Stand for election, and lead here while that is won over there."""
        here = asyncio.get_running_loop()
        await run_in(aside, lambda: self._election.run(lambda: run_in(here, self._lead)))

    async def _lead(self) -> None:
        """Write, push and pull, until cancelled."""
        await self._core.settled()
        await self._core.catch_up()

        def may_write() -> bool:
            return self._election.leading

        jobs = [*self._core.reporting(may_write), Job("pools", self._fleet.run(may_write))]
        if (installed := self._pooled.installed_pool) is not None:
            default_pool = DefaultPool(self._cluster.fenced(may_write), installed, random=random.random)
            jobs.append(Job("default pool", default_pool.run()))
        async with asyncio.TaskGroup() as group:
            start(group, jobs)
