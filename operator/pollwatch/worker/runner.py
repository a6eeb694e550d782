"""One Check while it is probed: which targets it has, and what their samples add up to."""

import math
from collections.abc import Iterable
from dataclasses import replace

from pollwatch.plan.checks import MAX_ADDRESSES, CheckPlan, Resolve, Target
from pollwatch.plan.samples import Outcome, Reason, Sample
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.verdict.combine import combine
from pollwatch.worker.first_starts import FirstStart
from pollwatch.worker.target import Services, TargetRun, TargetView

LONGEST_ROUND = 30.0
"""For so long, beside a probe's timeout, a verdict waits for targets that have no sample yet, seconds."""


def first_state(plan: CheckPlan, *, now: float) -> CheckState:
    """Give the state of a Check that was not probed yet; `now` in Unix seconds."""
    return CheckState(
        key=plan.key,
        uid=plan.uid,
        generation=plan.generation,
        verdict=Verdict.UNKNOWN,
        previous=Verdict.UNKNOWN,
        since=now,
        at=now,
        total=1,
        up=0,
    )


class CheckRun:
    """A Check that is probed.

    With `Resolve.ANY` it has one target. With `Resolve.EACH_ADDRESS` it begins with one
    that connects to any address, and as soon as a sample tells the addresses, each of them
    is a target instead. From then on every sample of every target tells them anew:

    - Targets come and go with the addresses. A sample whose own address is gone is dropped,
      as are its series.
    - While the name does not resolve, the targets stay, and each of them fails.

    Where all targets are new, the verdict waits for a first sample of each: one bad address out
    of four must not be told as `Down` because it happened to answer first.

    Where the plan has a rate, all targets together keep it: the period of each is stretched while
    there are many.
    """

    def __init__(self, plan: CheckPlan, services: Services, *, now: float, resumed: bool = False) -> None:
        """Start probing.

        Args:
            plan: The Check.
            services: What all targets share.
            now: Since when the verdict is `Unknown`, Unix seconds.
            resumed: Whether another process may have probed it until a moment ago.
        """
        self.plan = plan
        self._services = services
        self._resumed = resumed
        self._series = services.series.open_check(plan)
        self._targets: dict[str | None, TargetRun] = {}
        self._resolved: tuple[str, ...] = ()
        self._resolved_at = -math.inf
        """When the probe that told them was due, monotonic seconds."""
        self._hurried_at = -math.inf
        """The last `_resolved_at` that had new targets probed ahead of their slots."""
        self._shared_by = 1
        """How many targets share the rate, or did within the last period."""
        self._shared_at = -math.inf
        """When there were so many, monotonic seconds."""
        self._begin(now)
        self.state = first_state(plan, now=now)
        self._series.observe(self.state)

    @property
    def target_count(self) -> int:
        """How many targets there are."""
        return len(self._targets)

    def views(self) -> tuple[TargetView, ...]:
        """Give its targets as people are shown them, by address."""
        return tuple(run.view() for _, run in sorted(self._targets.items(), key=lambda item: item[0] or ""))

    def change(self, plan: CheckPlan, *, now: float) -> None:
        """Follow a new plan of the same object, from `now` (Unix seconds) on.

        The verdict stands until a sample under the new plan says otherwise. Series go on
        where nothing changed that they show.
        """
        former, self.plan = self.plan, plan
        self._resumed = False
        self.state = replace(self.state, generation=plan.generation)
        if plan.labels != former.labels:
            self._services.series.close_check(self._series)
            self._series = self._services.series.open_check(plan)
            self._series.observe(self.state)
        if (plan.target, plan.probe.resolve) != (former.target, former.probe.resolve):
            self._close_targets(list(self._targets))
            self._resolved = ()
            self._begin(now)
            return
        self._shared_by = len(self._targets)
        for address, run in self._targets.items():
            run.target = Target(plan, address)
            if _labelled(plan) != _labelled(former):
                run.reopen_series()
            elif plan.timeout != former.timeout:
                run.series.change_timeout(plan.timeout)
            if _probed(plan) != _probed(former):
                run.reschedule(self._period, self._first(address))
            elif plan.rate != former.rate:
                run.retime(self._period)

    @property
    def is_denied(self) -> bool:
        """Whether the egress policy refused some target last."""
        return any(_denied(run) for run in self._targets.values())

    def probe_denied_soon(self) -> None:
        """Probe anew what the egress policy refused last: it is another one now."""
        for address, run in self._targets.items():
            if _denied(run):
                run.reschedule(self._period, self._first(address))

    def close(self) -> None:
        """End all probes and all series, at once."""
        self._close_targets(list(self._targets))
        self._services.series.close_check(self._series)

    def _observe(self, run: TargetRun, sample: Sample) -> None:
        moved = self._follow(run, sample)
        if self.plan.rate is not None:
            self._share_rate(run.entry.started_for)
        credited = self._credited(run, sample)
        judged_anew = credited is not None and credited.observe(sample)
        if moved or judged_anew or self._held:
            self._update_state(credited, at=sample.started + sample.duration)

    def _credited(self, run: TargetRun, sample: Sample) -> TargetRun | None:
        """Give the target that a sample speaks of; `None` when it is gone."""
        address = run.target.address
        if self._targets.get(address) is run:
            return run
        if address is None:
            # It found the addresses: it is a sample of the one that it used.
            return self._targets.get(sample.address)
        return None

    def _follow(self, run: TargetRun, sample: Sample) -> bool:
        """Make the targets those of the addresses in a sample; give whether they changed."""
        if self.plan.probe.resolve is not Resolve.EACH_ADDRESS or not sample.resolved:
            return False
        # Probes do not end in the order they began: an older answer must not undo a newer one.
        if sample.resolved == self._resolved or run.entry.started_for < self._resolved_at:
            return False
        self._resolved = sample.resolved
        self._resolved_at = run.entry.started_for
        addresses = sample.resolved[:MAX_ADDRESSES]
        # New targets are probed ahead of their slots once a period only: a name that gives another
        # address each time would otherwise be probed as fast as it answers.
        soon = self._resolved_at - self._hurried_at >= self._period
        if soon:
            self._hurried_at = self._resolved_at
        self._close_targets([address for address in self._targets if address not in addresses])
        for address in addresses:
            if address not in self._targets:
                hurried = soon and address != sample.address
                self._open_target(address, self._first(address) if hurried else FirstStart.AT_SLOT)
        self._resumed = False
        if all(run.sample is None for run in self._targets.values()):
            self._begin_round(sample.started)
        return True

    def _begin(self, now: float) -> None:
        """Begin with nothing known of the destination, not even its addresses; `now` in Unix seconds."""
        self._hurried_at = -math.inf
        self._shared_by = 1
        self._open_target(None, self._first(None))
        self._begin_round(now)

    def _open_target(self, address: str | None, first: FirstStart) -> None:
        target = Target(self.plan, address)
        self._targets[address] = TargetRun(
            target, self._services, self._observe, period=self._period, first=first
        )

    def _first(self, address: str | None) -> FirstStart:
        """When a new target is probed first."""
        if address is None:
            # After a restart, too, addresses are to be found before the first slot of one comes.
            resumed = self._resumed and self.plan.probe.resolve is Resolve.ANY
            return FirstStart.RESUMED if resumed else FirstStart.SOON
        if self.plan.rate is not None and len(self._resolved) > max(1.0, self.plan.rate):
            # More at once than a second allows.
            return FirstStart.AT_SLOT
        return FirstStart.RESUMED if self._resumed else FirstStart.SOON

    @property
    def _period(self) -> float:
        """Seconds from one probe of a target to the next."""
        rate = self.plan.rate
        return self.plan.period if rate is None else max(self.plan.period, self._shared_by / rate)

    def _share_rate(self, now: float) -> None:
        """Have the targets there are share the rate; `now` in monotonic seconds.

        More of them stretch the period at once, fewer shorten it when that has held for a period: a
        name that gives two addresses and three by turns must not have its slots moved each time.
        """
        count, former = len(self._targets), self._period
        if count < self._shared_by and now - self._shared_at < former:
            return
        self._shared_by, self._shared_at = count, now
        if self._period != former:
            for run in self._targets.values():
                run.retime(self._period)

    def _begin_round(self, now: float) -> None:
        """Have the verdict wait for the first samples of targets that are all new; `now` in Unix seconds."""
        self._held = True
        self._round_ends = now + min(self._period, LONGEST_ROUND) + self.plan.timeout

    def _close_targets(self, addresses: Iterable[str | None]) -> None:
        for address in addresses:
            self._targets.pop(address).close()

    def _update_state(self, latest: TargetRun | None, *, at: float) -> None:
        """Say so if the verdict or the counts are others after the latest sample; `at` in Unix seconds."""
        former = self.state
        self._held = at < self._round_ends and any(run.sample is None for run in self._targets.values())
        if self._held:
            return
        verdicts = [run.judge.verdict for run in self._targets.values()]
        verdict, total, up = combine(verdicts), len(verdicts), verdicts.count(Verdict.UP)
        known = (verdict, total, up) == (former.verdict, former.total, former.up)
        if known and (verdict is not Verdict.UNKNOWN or former.reason is not None):
            return
        state = replace(
            former,
            verdict=verdict,
            previous=former.verdict,
            since=former.since if verdict is former.verdict else at,
            at=at,
            total=total,
            up=up,
            reason=None,
            address="",
            evidence="",
        )
        state = self._explained(state, latest)
        if known and state.reason is None:
            return
        # Also where nothing was known before: why nothing can be known is news.
        self.state = state
        self._series.observe(self.state)
        self._services.feed.publish(self.state)

    def _explained(self, state: CheckState, latest: TargetRun | None) -> CheckState:
        """Add the sample that stands against it: the latest if it failed, else one of another target.

        One that speaks of the target goes before one that could not be taken.
        """
        candidates = self._targets.values() if latest is None else (latest, *self._targets.values())
        against = [(run, run.sample) for run in candidates if run.sample and run.sample.reason]
        if not against:
            return state
        run, sample = min(against, key=lambda found: found[1].outcome is Outcome.ERROR)
        address = run.target.address or sample.address
        return replace(state, reason=sample.reason, address=address, evidence=sample.evidence)


def _denied(run: TargetRun) -> bool:
    return run.sample is not None and run.sample.reason is Reason.EGRESS_DENIED


def _labelled(plan: CheckPlan) -> tuple[object, ...]:
    """What tells which series a target has, and how they are labelled."""
    return plan.target, plan.labels, type(plan.probe)


def _probed(plan: CheckPlan) -> tuple[object, ...]:
    """What a probe depends on."""
    return plan.probe, plan.period, plan.timeout, plan.confidential
