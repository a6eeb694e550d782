"""What goes wrong with a pool beside what is seen of its workers."""

from dataclasses import dataclass, field

from pollwatch.alerting.defaults import alert_problems
from pollwatch.api.pool_conditions import PoolAcceptedReason
from pollwatch.control.pools.registry import HeldPool

REPAIR_IS_TOLD = 3600.0
"""Seconds for which the status tells that something was put right."""

NO_NAMESPACE = (
    "spec.allowedNamespaces selects none of the namespaces there are: mend the selector, or label the"
    " namespaces that are meant."
)


@dataclass(slots=True, kw_only=True)
class Trouble:
    """Of one pool, as of the last time that it was tended."""

    invalid: str = ""
    """What the API server refuses of what the spec asks for."""
    too_large: dict[str, str] = field(default_factory=dict)
    """Workers whose plan does not fit, and what to do about it."""
    unmovable: str = ""
    """Why Checks stay with workers that are not to have them, and what to do about it."""
    obstacle: str = ""
    """Why something could not be applied now."""
    _repaired: str = ""
    _repaired_at: float = 0.0

    def repaired(self, note: str, *, now: float) -> None:
        """Note that somebody had edited a plan, and that it was put right."""
        self._repaired, self._repaired_at = note, now

    def told_repair(self, *, now: float) -> str:
        """Give that note while it is news."""
        return self._repaired if now - self._repaired_at < REPAIR_IS_TOLD else ""

    def judge(self, held: HeldPool, *, admits_some: bool) -> tuple[PoolAcceptedReason, str]:
        """Give reason and message of condition `Accepted`."""
        if held.problems:
            return PoolAcceptedReason.INVALID_SPEC, "; ".join(map(str, held.problems))
        if self.invalid:
            return PoolAcceptedReason.INVALID_SPEC, f"The API server refuses {self.invalid}"
        if self.too_large or self.unmovable:
            return PoolAcceptedReason.PLAN_TOO_LARGE, next(iter(self.too_large.values()), self.unmovable)
        if not admits_some:
            return PoolAcceptedReason.NO_NAMESPACE_ADMITTED, NO_NAMESPACE
        faults = alert_problems(held.pool.spec.alert) if held.pool is not None else ()
        if faults:
            said = "; ".join(map(str, faults))
            return PoolAcceptedReason.ACCEPTED, f"The spec can be carried out, but for {said}."
        return PoolAcceptedReason.ACCEPTED, "The spec can be carried out."
