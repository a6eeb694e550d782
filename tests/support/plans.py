"""Checks and samples as tests need them: say what matters, the rest is filled in."""

from dataclasses import replace
from hashlib import shake_128
from typing import Any

from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe, Probe, Resolve
from pollwatch.plan.samples import Outcome, Reason, Sample


def make_check(name: str = "front-page", **changes: Any) -> CheckPlan:
    """An HTTP Check each 10 s; `changes` are fields of `CheckPlan`, and `resolve`."""
    resolve: Resolve = changes.pop("resolve", Resolve.ANY)
    probe: Probe = changes.pop("probe", HttpProbe(url="https://www.example.org/", resolve=resolve))
    plan = CheckPlan(
        key=CheckKey("public-sites", name),
        uid=f"uid-of-{name}",
        generation=1,
        period=10.0,
        timeout=5.0,
        target="https://www.example.org/",
        probe=probe,
    )
    return replace(plan, **changes)


def make_large_check(name: str, length: int) -> CheckPlan:
    """A Check that takes so many bytes, however it is packed."""
    body = shake_128(name.encode()).digest(length)
    return make_check(name, probe=HttpProbe(url="https://www.example.org/", body=body))


def make_sample(reason: Reason | None = None, **changes: Any) -> Sample:
    """A success, or a failure when there is a reason; `changes` are fields of `Sample`."""
    outcome = Outcome.SUCCESS if reason is None else Outcome.FAILURE
    if reason in (Reason.EGRESS_DENIED, Reason.INTERNAL, Reason.RESOURCES_EXHAUSTED):
        outcome = Outcome.ERROR
    return replace(Sample(started=0.0, duration=0.1, outcome=outcome, reason=reason), **changes)
