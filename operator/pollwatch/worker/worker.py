"""The data plane: probes what the plan says, and tells what it finds."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pollwatch.plan.checks import CheckKey, Plan, Target
from pollwatch.plan.samples import Sample
from pollwatch.plan.states import CheckState
from pollwatch.probes.network import Network
from pollwatch.probes.sampling import take_sample
from pollwatch.series.store import SeriesStore
from pollwatch.verdict.last_sample import Judge, LastSampleJudge
from pollwatch.worker.feed import Feed
from pollwatch.worker.health import WorkerMetrics
from pollwatch.worker.runner import CheckRun
from pollwatch.worker.schedule import Schedule
from pollwatch.worker.target import SampleListener, Services, TargetView

DEFAULT_MAX_IN_FLIGHT = 2_000
"""Probes under way at a time; each holds a descriptor or two, and some 10 kB."""


@dataclass(kw_only=True, eq=False)
class Worker:
    """One prober in one event loop: `apply` plans at any time, `run`, then `drain`."""

    network: Network
    """The way out, and the clock. Its owner closes it, after `drain`."""
    series: SeriesStore
    metrics: WorkerMetrics
    feed: Feed
    listener: SampleListener | None = None
    judge: Callable[[], Judge] = LastSampleJudge
    """Makes the judge of one target."""
    take_sample: Callable[[Target, Network], Awaitable[Sample]] = take_sample
    """Probes; raises nothing but `CancelledError`."""
    max_in_flight: int = DEFAULT_MAX_IN_FLIGHT
    _runs: dict[CheckKey, CheckRun] = field(init=False, default_factory=dict, repr=False)
    _services: Services = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Put the parts together; nothing runs yet."""
        self._services = Services(
            probe=self._probe,
            schedule=Schedule(
                clock=self.network.clock, recorder=self.metrics, max_in_flight=self.max_in_flight
            ),
            series=self.series,
            feed=self.feed,
            judge=self.judge,
            listener=self.listener,
        )
        self.metrics.follow(
            checks=lambda: len(self._runs),
            targets=lambda: sum(run.target_count for run in self._runs.values()),
            in_flight=lambda: self.in_flight,
        )

    @property
    def in_flight(self) -> int:
        """How many probes are under way."""
        return self._services.schedule.in_flight

    def apply(self, plan: Plan) -> None:
        """Probe what this plan says, from now on.

        What did not change goes on undisturbed, and costs a comparison. The probes and the
        series of a Check that is not in the plan any more end at once.
        """
        wanted = {check.key: check for check in plan.checks}
        for key, run in list(self._runs.items()):
            check = wanted.get(key)
            # A Check that was deleted and made again under its name is another one.
            if check is None or check.uid != run.plan.uid:
                del self._runs[key]
                run.close()
        now = self.network.clock.time()
        for key, check in wanted.items():
            present = self._runs.get(key)
            if present is None:
                self._runs[key] = CheckRun(check, self._services, now=now)
            elif present.plan is not check and present.plan != check:
                present.change(check)
        self.metrics.plan_applied()

    async def run(self) -> None:
        """Probe until `stop`. What is under way then is left to `drain`."""
        await self._services.schedule.run()

    def stop(self) -> None:
        """Start no more probes; `run` returns."""
        self._services.schedule.stop()

    async def drain(self, grace: float) -> None:
        """Stop, give the probes under way up to `grace` seconds to end, and cancel the rest.

        Returns when none is left. The samples of those that ended are counted and judged.
        """
        await self._services.schedule.drain(grace)

    def states(self) -> Mapping[CheckKey, CheckState]:
        """Give the state of every Check of the plan: a snapshot, next to the feed."""
        return {key: run.state for key, run in self._runs.items()}

    def targets(self, key: CheckKey) -> tuple[TargetView, ...]:
        """Give the targets of a Check, by address.

        Raises:
            KeyError: The Check is not in the plan.
        """
        return self._runs[key].views()

    def _probe(self, target: Target) -> Awaitable[Sample]:
        return self.take_sample(target, self.network)
