"""The data plane: probes what the plan says, and tells what it finds."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from pollwatch.plan.checks import CheckKey, CheckPlan, Plan, Target
from pollwatch.plan.egress import IPNetwork
from pollwatch.plan.samples import Sample
from pollwatch.plan.states import CheckState
from pollwatch.probes.network import Network
from pollwatch.probes.sampling import take_sample
from pollwatch.series.store import SeriesStore
from pollwatch.verdict.last_sample import Judge, LastSampleJudge
from pollwatch.worker.feed import Feed
from pollwatch.worker.health import WorkerMetrics
from pollwatch.worker.process import MOST_PROBES
from pollwatch.worker.runner import CheckRun, first_state
from pollwatch.worker.schedule import Schedule
from pollwatch.worker.target import SampleListener, Services, TargetView

TAKEN_UP_AT_ONCE = 25
"""New and changed Checks in one go: less than 5 ms of the event loop, most of it for their series."""


@dataclass(kw_only=True, eq=False)
class Worker:
    """One prober in one event loop: `apply` plans at any time, `run`, then `drain`."""

    network: Network
    """The way out, and the clock. Its owner closes it, after `drain`. Where it may lead the plan says."""
    series: SeriesStore
    metrics: WorkerMetrics
    feed: Feed
    listener: SampleListener | None = None
    judge: Callable[[], Judge] = LastSampleJudge
    """Makes the judge of one target."""
    take_sample: Callable[[Target, Network], Awaitable[Sample]] = take_sample
    """Probes; raises nothing but `CancelledError`."""
    max_in_flight: int = MOST_PROBES
    """Probes under way at a time; see `worker.process.prepare_process`."""
    protected: tuple[IPNetwork, ...] = ()
    """Networks that are protected besides those of each plan: what only this machine knows of."""
    resuming: bool = False
    """Whether the first plan says what another process probed until a moment ago, as after a restart:
    see `worker.first_starts`."""
    _applied: tuple[CheckPlan, ...] = field(init=False, default=(), repr=False)
    _runs: dict[CheckKey, CheckRun] = field(init=False, default_factory=dict, repr=False)
    _waiting: dict[CheckKey, CheckPlan] = field(init=False, default_factory=dict, repr=False)
    """Checks of the plan, new or changed, that are still to be taken up."""
    _resumed: set[CheckKey] = field(init=False, default_factory=set, repr=False)
    """Those of `_waiting` that another process may have probed."""
    _denied: deque[CheckKey] = field(init=False, default_factory=deque, repr=False)
    """Checks that are still to be probed anew, for the policy that refused them is no more."""
    _way_out: Network = field(init=False, repr=False)
    """The network, as the plan's egress policy has it."""
    _more: asyncio.Event = field(init=False, default_factory=asyncio.Event, repr=False)
    _services: Services = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Put the parts together; nothing runs yet."""
        self._way_out = self.network
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
            checks=lambda: len(self._applied),
            targets=lambda: self.target_count,
            in_flight=lambda: self.in_flight,
        )

    @property
    def in_flight(self) -> int:
        """How many probes are under way."""
        return self._services.schedule.in_flight

    @property
    def target_count(self) -> int:
        """How many targets the Checks of the plan have, as far as they are taken up."""
        return sum(run.target_count for run in self._runs.values())

    @property
    def rate(self) -> float:
        """Probes per second that all periods together ask for."""
        return self._services.schedule.rate

    def apply(self, plan: Plan) -> None:
        """Probe what this plan says, from now on.

        What did not change goes on undisturbed. It costs next to nothing where the plan has
        the very objects of the one before, and a comparison where it has equal ones. The
        probes and the series of a Check that is not in the plan any more end at once. Many new
        or changed Checks are taken up a few at a time, so that the probes of others do not wait.

        The egress policy holds for each probe that starts from now on. What the former one refused
        is probed anew, soon.
        """
        self._follow_egress(plan)
        self._services.schedule.limit_destinations(plan.host_rate)
        before, after = set(map(id, self._applied)), set(map(id, plan.checks))
        fresh = {check.key: check for check in plan.checks if id(check) not in before}
        for check in self._applied:
            if id(check) not in after:
                successor = fresh.get(check.key)
                # A Check that was deleted and made again under its name is another one.
                if successor is None or successor.uid != check.uid:
                    self._drop(check.key)
        for key, check in fresh.items():
            run = self._runs.get(key)
            if run is None or run.plan != check:
                self._waiting[key] = check
                if self.resuming:
                    self._resumed.add(key)
            else:
                # It may have been changed, and changed back before that was taken up.
                self._waiting.pop(key, None)
        self._applied = plan.checks
        self.resuming = False
        self._take_up_some()
        self.metrics.plan_applied()

    async def run(self) -> None:
        """Probe until `stop`. What is under way then is left to `drain`."""
        async with asyncio.TaskGroup() as tasks:
            taking_up = tasks.create_task(self._take_up_all())
            await self._services.schedule.run()
            taking_up.cancel()

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
        now = self.network.clock.time()
        states = {key: first_state(check, now=now) for key, check in self._waiting.items()}
        states.update((key, run.state) for key, run in self._runs.items())
        return states

    def targets(self, key: CheckKey) -> tuple[TargetView, ...]:
        """Give the targets of a Check, by address; none yet where it is about to be taken up.

        Raises:
            KeyError: The Check is not in the plan.
        """
        run = self._runs.get(key)
        if run is None and key not in self._waiting:
            raise KeyError(key)
        return () if run is None else run.views()

    def _follow_egress(self, plan: Plan) -> None:
        """Have the network lead where the plan and this machine allow."""
        egress = plan.egress
        if self.protected:
            egress = replace(egress, protected=(*egress.protected, *self.protected))
        # An equal policy is not exchanged: the one in force remembers what it has judged.
        if egress != self._way_out.egress:
            self._way_out = replace(self.network, egress=egress)
            self._denied.extend(key for key, run in self._runs.items() if run.is_denied)

    def _drop(self, key: CheckKey) -> None:
        self._waiting.pop(key, None)
        self._resumed.discard(key)
        run = self._runs.pop(key, None)
        if run is not None:
            run.close()

    def _take_up_some(self) -> None:
        now = self.network.clock.time()
        for key in list(islice(self._waiting, TAKEN_UP_AT_ONCE)):
            check, run = self._waiting.pop(key), self._runs.get(key)
            if run is None:
                resumed = key in self._resumed
                self._runs[key] = CheckRun(check, self._services, now=now, resumed=resumed)
            else:
                run.change(check, now=now)
            self._resumed.discard(key)
        for _ in range(min(TAKEN_UP_AT_ONCE, len(self._denied))):
            run = self._runs.get(self._denied.popleft())
            if run is not None:
                run.probe_denied_soon()
        if self._waiting or self._denied:
            self._more.set()

    async def _take_up_all(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            self._take_up_some()
            # Whatever is ready goes first.
            await asyncio.sleep(0)

    def _probe(self, target: Target) -> Awaitable[Sample]:
        return self.take_sample(target, self._way_out)
