"""The operator with its data plane embedded: start, run, drain, stop."""

import asyncio

import structlog

from pollwatch import __version__
from pollwatch.compile.pool import embedded_settings
from pollwatch.control.cluster import Cluster
from pollwatch.control.core import Core, Job, Queues, cancel, start
from pollwatch.control.data_plane import EmbeddedDataPlane
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.placement import OnePool
from pollwatch.control.settings import Embedded, Settings
from pollwatch.probes.network import Network
from pollwatch.worker.prober import Prober

DRAIN_PROBES = 10.0
"""Seconds that probes under way may still take when the operator is told to stop."""

DRAIN_WRITES = 5.0
"""Seconds for what they found to be written."""


class EmbeddedOperator:
    """Both planes in one process: a pool of one."""

    def __init__(
        self,
        settings: Settings,
        embedded: Embedded,
        *,
        cluster: Cluster,
        network: Network,
        metrics: ControlMetrics,
    ) -> None:
        """Wire them; nothing runs before `run`, which must be called in the same event loop.

        Args:
            settings: what the user said.
            embedded: what the user said of probing.
            cluster: the API server, known to be usable.
            network: the way to what is probed.
            metrics: the control plane's.
        """
        self._settings = settings
        self._prober = Prober(network, max_in_flight=embedded.max_in_flight)
        self._worker = self._prober.worker
        self._queues = Queues.make()
        pool = embedded_settings(
            settings.default_pool, allow=embedded.allow_egress, protected=embedded.protected
        )
        self._core = Core(
            settings,
            cluster=cluster,
            queues=self._queues,
            data_plane=EmbeddedDataPlane(
                self._worker, self._prober.feed, pool=settings.default_pool, egress=pool.egress
            ),
            placement=OnePool(pool),
            metrics=metrics,
            clock=network.clock,
        )
        self._server = self._prober.server(settings.listen, ready=self._core.readiness, also=(metrics,))
        self._log = structlog.get_logger("pollwatch.operator")

    async def run(self, stop: asyncio.Event) -> None:
        """Serve, watch and probe until `stop` is set; then end in order.

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
        )
        try:
            async with asyncio.TaskGroup() as group:
                outside = start(group, core.listening())
                prober = Job("prober", self._prober.run())
                inside = start(group, (*core.compiling(), *core.reporting(), prober))
                await stop.wait()
                self._log.info("operator is stopping", probes_in_flight=self._worker.in_flight)
                core.stop()
                await cancel(outside)
                await self._worker.drain(DRAIN_PROBES)
                await core.settle_reports(DRAIN_WRITES)
                await cancel(inside)
        finally:
            self._queues.close()
            await self._server.stop()
        self._log.info("operator stopped")
