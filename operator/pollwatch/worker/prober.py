"""A worker and what belongs to it, put together: what every process that probes consists of."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from pollwatch.plan.egress import IPNetwork
from pollwatch.probes.network import Network
from pollwatch.series.store import SeriesStore
from pollwatch.worker.asgi import App
from pollwatch.worker.feed import Feed
from pollwatch.worker.health import Health, LoopMonitor, WorkerMetrics
from pollwatch.worker.process import MOST_PROBES
from pollwatch.worker.scrape import MetricsSource
from pollwatch.worker.serve import NO_ROUTES, NO_UPLOADS, HttpServer, Upload
from pollwatch.worker.target import SampleListener
from pollwatch.worker.worker import Worker


def always_ready() -> Health:
    """Judge the readiness of a process that has its plan from the start."""
    return Health(ok=True)


class Prober:
    """A worker, its series, its feed, and an eye on the event loop they share.

    Attributes:
        worker: To be given plans.
        feed: Where its transitions are.
        metrics: The worker's own.
        monitor: Judges the event loop.
    """

    def __init__(
        self,
        network: Network,
        *,
        listener: SampleListener | None = None,
        max_in_flight: int = MOST_PROBES,
        protected: tuple[IPNetwork, ...] = (),
        resuming: bool = False,
    ) -> None:
        """Put them together; nothing runs before `run`.

        Args:
            network: The way out, and the clock; its owner closes it after `worker.drain`.
            listener: Is told of each sample.
            max_in_flight: How many probes may be under way at a time; see `worker.process`.
            protected: Networks that are protected besides those of each plan.
            resuming: Whether it goes on with what another process probed; see `worker.first_starts`.
        """
        self.monitor = LoopMonitor(network.clock)
        self.metrics = WorkerMetrics(network.clock, self.monitor)
        self.feed = Feed(clock=network.clock)
        self._series = SeriesStore()
        self.worker = Worker(
            network=network,
            series=self._series,
            metrics=self.metrics,
            feed=self.feed,
            listener=listener,
            max_in_flight=max_in_flight,
            protected=protected,
            resuming=resuming,
        )

    def server(
        self,
        listen: str,
        *,
        ready: Callable[[], Health] = always_ready,
        also: Sequence[MetricsSource] = (),
        routes: Mapping[str, App] = NO_ROUTES,
        uploads: Mapping[str, Upload] = NO_UPLOADS,
    ) -> HttpServer:
        """Make the server of its endpoints, and of more of them; `also` are further metrics to show."""
        return HttpServer(
            listen,
            metrics=(self._series, self.metrics, *also),
            health=self.monitor.health,
            ready=ready,
            routes=routes,
            uploads=uploads,
            scraped=self.metrics.scraped,
        )

    async def run(self) -> None:
        """Probe until `worker.stop`."""
        watching = asyncio.create_task(self.monitor.run())
        try:
            await self.worker.run()
        finally:
            watching.cancel()
