"""What samples add up to: verdicts, and the states that are reported of them."""

from dataclasses import dataclass
from enum import StrEnum

from pollwatch.plan.checks import CheckKey
from pollwatch.plan.samples import Reason


class Verdict(StrEnum):
    """The judgement over samples of a target or of a Check."""

    UP = "Up"
    DEGRADED = "Degraded"
    """It fails for some: a first-class verdict, neither Up nor Down."""
    DOWN = "Down"
    UNKNOWN = "Unknown"
    """Not probed yet, or not judged because the prober itself could not see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """What a worker says of one Check, each time it changes.

    Changes of the verdict and of the target counts make a new state; a sample that
    changes neither makes none.
    """

    key: CheckKey
    uid: str
    generation: int
    verdict: Verdict
    previous: Verdict
    """The verdict before this state; equal to `verdict` when only the counts changed."""
    since: float
    """When `verdict` began, Unix seconds."""
    at: float
    """When this state began, Unix seconds."""
    total: int
    """How many targets there are."""
    up: int
    """How many of them are Up."""
    reason: Reason | None = None
    """Of the sample that made the state what it is; `None` when all targets are Up."""
    address: str = ""
    """The address of that sample."""
    evidence: str = ""
    """Of that sample; bounded and redacted."""
