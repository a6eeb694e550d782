"""Many Checks, compiled one by one: a bad one affects only itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pollwatch.api.check import Check
from pollwatch.api.problems import Problem
from pollwatch.compile.check import Rejected, compile_check
from pollwatch.compile.resources import Resources
from pollwatch.plan.checks import CheckKey, CheckPlan, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation:
    """What became of some Checks."""

    plan: Plan
    """All that are accepted and not suspended."""
    rejected: Mapping[CheckKey, tuple[Problem, ...]]


def make_plan(checks: Iterable[CheckPlan]) -> Plan:
    """Put compiled Checks in the order of a Plan."""
    return Plan(checks=tuple(sorted(checks, key=lambda check: check.key)))


def compile_checks(checks: Iterable[Check], resources: Resources) -> Compilation:
    """Compile each Check; keep those that are to be probed."""
    accepted: list[CheckPlan] = []
    rejected: dict[CheckKey, tuple[Problem, ...]] = {}
    for check in checks:
        try:
            compiled = compile_check(check, resources)
        except Rejected as error:
            rejected[check.key] = error.problems
            continue
        if not check.spec.suspend:
            accepted.append(compiled)
    return Compilation(plan=make_plan(accepted), rejected=rejected)
