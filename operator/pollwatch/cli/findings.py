"""What is wrong in files of Checks and ProbePools, as the cluster would find it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pollwatch.alerting.advice import advice_on_alerts
from pollwatch.alerting.defaults import alert_problems
from pollwatch.api.advice import advice
from pollwatch.api.check import Check
from pollwatch.api.conditions import AcceptedReason
from pollwatch.api.load import Loaded
from pollwatch.api.pool_advice import advice_on_pool
from pollwatch.api.problems import Problem
from pollwatch.compile.check import Rejected, compile_check
from pollwatch.compile.pool import PoolSettings, compile_for_pool, pool_settings
from pollwatch.compile.resources import GivenResources, Resources
from pollwatch.compile.secrets_dir import SecretsDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem, and whether it makes the files invalid."""

    severity: Literal["error", "warning"]
    problem: Problem

    def __str__(self) -> str:
        return str(self.problem) if self.severity == "error" else f"warning: {self.problem}"

    def document(self) -> dict[str, Any]:
        """The finding in `-o json`."""
        return {
            "severity": self.severity,
            "file": self.problem.file,
            "line": self.problem.line,
            "path": self.problem.path,
            "message": self.problem.message,
            "reason": self.problem.reason.value,
        }


def judge(loaded: Loaded, *, secrets_dir: Path | None) -> list[Finding]:
    """Judge all Checks and ProbePools as the API server does, and then as the operator does.

    What a Check refers to may be in the cluster only: that it is not in the files is a warning.

    Args:
        loaded: What the files hold.
        secrets_dir: Where all Secrets are, as `DIR/NAME/KEY`; one that is not there is an error.

    Returns:
        What was found, by file and line.
    """
    given = GivenResources(secrets=loaded.secrets, config_maps=loaded.config_maps)
    resources: Resources = given
    elsewhere = {AcceptedReason.SECRET_NOT_FOUND, AcceptedReason.CONFIG_MAP_NOT_FOUND}
    if secrets_dir is not None:
        resources = SecretsDirectory(directory=secrets_dir, elsewhere=given)
        elsewhere.remove(AcceptedReason.SECRET_NOT_FOUND)
    return sorted(_findings(loaded, resources, elsewhere), key=lambda each: each.problem.place)


def _findings(loaded: Loaded, resources: Resources, elsewhere: set[AcceptedReason]) -> Iterator[Finding]:
    """Judge all Checks and ProbePools.

    Args:
        loaded: What the files hold.
        resources: What the Checks can refer to.
        elsewhere: Reasons that are warnings, since what is missing may be in the cluster.
    """
    for problem in loaded.problems:
        yield Finding(severity="error", problem=problem)
    pools = {sourced.pool.name: pool_settings(sourced.pool, cluster_addresses=()) for sourced in loaded.pools}
    for sourced in loaded.checks:
        for problem in _rejections(sourced.check, resources, pools):
            severity: Literal["error", "warning"] = "warning" if problem.reason in elsewhere else "error"
            yield Finding(severity=severity, problem=sourced.place.locate(problem))
        for problem in alert_problems(sourced.check.spec.alert):
            yield Finding(severity="error", problem=sourced.place.locate(problem))
        for problem in (*advice(sourced.check), *advice_on_alerts(sourced.check)):
            yield Finding(severity="warning", problem=sourced.place.locate(problem))
    for pool in loaded.pools:
        for problem in alert_problems(pool.pool.spec.alert):
            yield Finding(severity="error", problem=pool.place.locate(problem))
        for problem in advice_on_pool(pool.pool):
            yield Finding(severity="warning", problem=pool.place.locate(problem))


def _rejections(check: Check, resources: Resources, pools: Mapping[str, PoolSettings]) -> Iterator[Problem]:
    """Say why the operator would not accept a Check; pools that it names may be in the cluster only."""
    try:
        plan = compile_check(check, resources)
    except Rejected as error:
        yield from error.problems
        return
    for name in check.spec.pool_names(default=""):
        if name in pools:
            try:
                compile_for_pool(plan, pools[name])
            except Rejected as error:
                for problem in error.problems:
                    yield replace(problem, message=f"pool {name}: {problem.message}")
