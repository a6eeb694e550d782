"""What there is to see at one moment: plain values, ready to be drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pollwatch.plan.checks import CheckKey
from pollwatch.plan.samples import Sample
from pollwatch.plan.states import CheckState, Verdict


class Point(NamedTuple):
    """One probe, as a sparkline and a share of failures need it."""

    failed: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """One target."""

    address: str
    """Empty when each probe chooses an address itself."""
    verdict: Verdict
    sample: Sample | None
    """The last one; `None` before the first."""
    attempts: int
    failures: int
    recent: tuple[Point, ...]
    """The last probes, the newest last."""
    due_in: float | None
    """Seconds until the next probe starts; `None` when it is not known."""

    @property
    def recent_failures(self) -> int:
        """How many of the recent probes failed."""
        return sum(point.failed for point in self.recent)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One Check with its targets."""

    key: CheckKey
    verdict: Verdict
    since: float
    """When the verdict began, Unix seconds."""
    targets: tuple[TargetRow, ...]

    @property
    def up(self) -> int:
        """How many targets are Up."""
        return sum(target.verdict is Verdict.UP for target in self.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something to be said that is no transition."""

    at: float
    """Unix seconds."""
    text: str
    problem: bool = False


Happening = CheckState | Note


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that the live table shows."""

    now: float
    """Unix seconds."""
    started: float
    """When probing began, Unix seconds."""
    metrics_url: str
    checks: tuple[CheckRow, ...]
    """By name; the worst of them when there are too many to look at."""
    verdicts: Mapping[Verdict, int]
    """How many Checks have which verdict, all of them."""
    happenings: tuple[Happening, ...]
    """The last transitions and notes, the newest last."""

    @property
    def one_namespace(self) -> bool:
        """Whether all Checks share a namespace: then it need not be said."""
        return len({check.key.namespace for check in self.checks}) <= 1
