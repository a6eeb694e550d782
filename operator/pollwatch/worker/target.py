"""One target while it is probed: what is known of it, and its place in the schedule."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pollwatch.plan.checks import HttpProbe, Probe, Target
from pollwatch.plan.samples import Sample
from pollwatch.plan.states import Verdict
from pollwatch.series.store import SeriesStore, TargetSeries
from pollwatch.verdict.last_sample import Judge
from pollwatch.worker.entry import Entry
from pollwatch.worker.feed import Feed
from pollwatch.worker.first_starts import FirstStart
from pollwatch.worker.schedule import Job, Schedule

SampleListener = Callable[[Target, Sample, Verdict], None]
"""Is told of each sample and of the target's verdict after it. Must return at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the targets of all Checks share."""

    probe: Callable[[Target], Awaitable[Sample]]
    schedule: Schedule[Sample]
    series: SeriesStore
    feed: Feed
    judge: Callable[[], Judge]
    listener: SampleListener | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """A target, as people are shown it."""

    address: str | None
    """`None`: any address."""
    verdict: Verdict
    sample: Sample | None
    """The last one."""
    due: float
    """When it is probed next, Unix seconds; in the past while a slot is being waited for."""
    probing: bool
    """Whether a probe is under way."""


class TargetRun:
    """A target that is probed: a job for the schedule."""

    __slots__ = ("_observe", "_services", "entry", "judge", "sample", "series", "target")

    def __init__(
        self,
        target: Target,
        services: Services,
        observe: "Callable[[TargetRun, Sample], None]",
        *,
        period: float,
        first: FirstStart,
    ) -> None:
        """Open its series and schedule it.

        Args:
            target: What to probe.
            services: What all targets share.
            observe: Takes its samples.
            period: Seconds from one probe to the next; not below the Check's.
            first: When it is probed first.
        """
        self._services = services
        self._observe = observe
        self.target = target
        self.judge = services.judge()
        self.sample: Sample | None = None
        self.series: TargetSeries = services.series.open_target(target)
        self.entry = self._schedule(period, first)

    def run(self) -> Awaitable[Sample]:
        """Probe once."""
        return self._services.probe(self.target)

    def done(self, sample: Sample) -> None:
        """Pass the sample on."""
        self._observe(self, sample)

    def observe(self, sample: Sample) -> bool:
        """Count and judge a sample of this target; give whether the verdict changed."""
        before = self.judge.verdict
        verdict = self.judge.observe(sample)
        self.sample = sample
        self.series.observe(sample)
        if self._services.listener is not None:
            self._services.listener(self.target, sample, verdict)
        return verdict is not before

    def reopen_series(self) -> None:
        """Begin new series, from zero: they would not be labelled as they were."""
        self._services.series.close_target(self.series)
        self.series = self._services.series.open_target(self.target)

    def reschedule(self, period: float, first: FirstStart) -> None:
        """Cancel what is running and begin anew with this period; the phase stays."""
        self._services.schedule.remove(self.entry)
        self.entry = self._schedule(period, first)

    def retime(self, period: float) -> None:
        """Go on with another period; the phase stays."""
        self._services.schedule.retime(self.entry, period)

    def close(self) -> None:
        """End its probes and its series, at once."""
        self._services.schedule.remove(self.entry)
        self._services.series.close_target(self.series)

    def view(self) -> TargetView:
        """Give what is known of it."""
        return TargetView(
            address=self.target.address,
            verdict=self.judge.verdict,
            sample=self.sample,
            due=self._services.schedule.due(self.entry),
            probing=self.entry.running,
        )

    def _schedule(self, period: float, first: FirstStart) -> Entry[Job[Sample]]:
        check, address = self.target
        identity = str(check.key) if address is None else f"{check.key} {address}"
        return self._services.schedule.add(
            self,
            identity=identity,
            period=period,
            first=first,
            tenant=check.key.namespace,
            destination=_host(check.probe),
        )


def _host(probe: Probe) -> str:
    """What a probe is a load to."""
    if not isinstance(probe, HttpProbe):
        return probe.host.lower().rstrip(".")
    try:
        return (urlsplit(probe.url).hostname or "").rstrip(".")
    except ValueError:
        return ""  # no URL: each of its samples will say so
