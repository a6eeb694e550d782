"""What is valid in a Check's alerts, and yet not what its author will have meant."""

from decimal import Decimal

from pollwatch.alerting.windows import FAST, PROBES_IN_LONG, SLOW, fitting
from pollwatch.api.check import Check
from pollwatch.api.problems import Problem


def advice_on_alerts(check: Check) -> tuple[Problem, ...]:
    """Return what the author of a valid Check should know of its alerts."""
    spec = check.spec
    if spec.objective is None:
        return ()
    budget = 1 - Decimal(spec.objective) / 100
    if any(fitting(FAST + SLOW, period=spec.period_seconds, budget=budget)):
        return ()
    longest = max(window.long for window in FAST + SLOW) // PROBES_IN_LONG
    message = f"has no alert: it is probed too seldom; lower periodSeconds to {longest} or less, or remove it"
    return (Problem(path="spec.objective", message=message),)
