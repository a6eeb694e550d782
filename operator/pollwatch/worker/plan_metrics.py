"""What a worker of a pool exposes beside: its plan, its feed, and how busy it is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pollwatch.plan.reports import PlanFault
from pollwatch.worker.feed import Feed
from pollwatch.worker.plan_intake import PlanIntake
from pollwatch.worker.report import Pulse


@dataclass(kw_only=True, eq=False)
class PoolWorkerMetrics(Collector):
    """Reads the numbers where they are, at each scrape."""

    intake: PlanIntake
    feed: Feed
    readers: Callable[[], int]
    """How many read the feed."""
    pulse: Pulse

    def collect(self) -> Iterable[Metric]:
        """Turn them into metric families (called by prometheus_client)."""
        yield from self._collect_gauges()
        refused = CounterMetricFamily(
            "pollwatch_worker_plans_refused",
            "Plans that were refused, by fault; the same one offered again is counted once.",
            labels=["fault"],
        )
        for fault in PlanFault:
            refused.add_metric([fault], self.intake.refusals[fault])
        yield refused
        yield CounterMetricFamily(
            "pollwatch_worker_feed_entries",
            "Entries added to the feed: states of Checks, and notices that the worker's report changed.",
            value=self.feed.cursor,
        )
        yield CounterMetricFamily(
            "pollwatch_worker_feed_overwritten",
            "Entries of the feed that later ones have overwritten, read or not.",
            value=self.feed.cursor - len(self.feed),
        )

    def _collect_gauges(self) -> Iterator[Metric]:
        for name, text, value in (
            ("plan_revision", "Revision of the live plan; 0 before the first.", self.intake.report.revision),
            (
                "plan_unsupported_checks",
                "Checks of the plan that are not probed, because they need a newer worker.",
                self.intake.unsupported,
            ),
            (
                "plan_refused",
                "Whether the plan that was offered last was refused: then an older one is live.",
                int(self.intake.report.fault is not None),
            ),
            ("feed_kept_entries", "Entries of the feed that can still be read.", len(self.feed)),
            ("feed_readers", "Readers that wait for the feed, or are being answered.", self.readers()),
            (
                "utilisation_ratio",
                "Share of one core that the process used in the last half minute.",
                self.pulse.utilisation(),
            ),
        ):
            yield GaugeMetricFamily(f"pollwatch_worker_{name}", text, value=value)
