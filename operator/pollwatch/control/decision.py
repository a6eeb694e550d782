"""What was decided about a Check, and how long its pools may be silent about it."""

import math
from dataclasses import dataclass

from pollwatch.control.status import Admission
from pollwatch.plan.checks import CheckPlan

GRACE = 10.0
"""Seconds above period and timeout until a verdict that was held before is given up."""

UNPLANNED = 60.0
"""The same, of a Check whose period is not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Where a Check is probed, if at all."""

    uid: str
    admission: Admission
    pools: tuple[str, ...]
    quorum: int
    plan: CheckPlan | None
    """As it was compiled; `None`: not known yet."""
    rate: float | None
    """Probes a second that the slowest of its pools holds it to; `None`: as many as the period asks for."""
    starting: frozenset[str]
    """Those of its pools that are coming up."""
    unplanned_since: float | None
    """Monotonic seconds; `None`: it is in the Plan."""

    @property
    def expected(self) -> float:
        """Seconds within which a verdict can be expected."""
        if self.plan is None:
            return UNPLANNED
        interval = self.plan.period if self.rate is None else max(self.plan.period, 1.0 / self.rate)
        return interval + self.plan.timeout + GRACE

    def patience(self, pool: str) -> float:
        """Seconds that a verdict which is held outlives the silence of a pool.

        No end is known while the pool is coming up: it is told when that is over, one way or the other.
        """
        return math.inf if pool in self.starting else self.expected
