"""`pollwatch validate`: say what is wrong in files of Checks and ProbePools, before a cluster does."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import click

from pollwatch.api.advice import advice
from pollwatch.api.check import Check
from pollwatch.api.conditions import AcceptedReason
from pollwatch.api.load import Loaded, load
from pollwatch.api.pool_advice import advice_on_pool
from pollwatch.api.problems import Problem
from pollwatch.cli.display.words import count
from pollwatch.cli.errors import BAD_INPUT
from pollwatch.cli.sources import standard_input
from pollwatch.cli.terminal import write
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


@click.command
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(allow_dash=True))
@click.option(
    "--secrets-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take Secrets from DIR/NAME/KEY, as Kubernetes mounts them. A Secret that is not there is an error.",
    metavar="DIR",
)
@click.option("--strict", is_flag=True, help="Make every warning an error.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How the findings are written.",
)
def command(paths: tuple[str, ...], secrets_dir: Path | None, *, strict: bool, output: str) -> None:
    """Say what is wrong in files of Checks and ProbePools.

    PATH is a file, a folder (its .yaml, .yml and .json files, with those of all folders in it)
    or - for standard input. Objects of other kinds are skipped.

    A Check is judged as the API server judges it, and then as the operator does: do the regular
    expressions compile, are the Secrets and ConfigMaps there and usable? Those may stand in the
    same files. One that does not is a warning only, since the cluster may have it. Where the pools
    that it names stand in the files, too: does their egress policy let it probe?

    With -o json: {"checks": how many are valid, "pools": how many are valid, "findings":
    [{"severity": "error" or "warning", "file", "line", "path", "message", "reason"}]}; file and
    line are null where there is none.

    Exits with 0 when all is valid, and with 2 when something is not.
    """
    loaded = load(paths, stdin=standard_input())
    given = GivenResources(secrets=loaded.secrets, config_maps=loaded.config_maps)
    resources: Resources = given
    elsewhere = {AcceptedReason.SECRET_NOT_FOUND, AcceptedReason.CONFIG_MAP_NOT_FOUND}
    if secrets_dir is not None:
        resources = SecretsDirectory(directory=secrets_dir, elsewhere=given)
        elsewhere.remove(AcceptedReason.SECRET_NOT_FOUND)
    findings = [
        Finding(severity="error", problem=finding.problem) if strict else finding
        for finding in sorted(_findings(loaded, resources, elsewhere), key=lambda each: each.problem.place)
    ]
    errors = sum(finding.severity == "error" for finding in findings)
    if output == "json":
        write(sys.stdout, _as_json(loaded, findings) + "\n")
    else:
        for finding in findings:
            click.echo(finding, err=True)
        if not errors:
            write(sys.stdout, _summary(loaded, len(findings)) + "\n")
    if errors:
        raise SystemExit(BAD_INPUT)


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
        for problem in advice(sourced.check):
            yield Finding(severity="warning", problem=sourced.place.locate(problem))
    for pool in loaded.pools:
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


def _as_json(loaded: Loaded, findings: list[Finding]) -> str:
    document = {
        "checks": len(loaded.checks),
        "pools": len(loaded.pools),
        "findings": [finding.document() for finding in findings],
    }
    return json.dumps(document, indent=2)


def _summary(loaded: Loaded, warnings: int) -> str:
    """Count what is valid; at least one thing is."""
    numbers = ((len(loaded.checks), "Check"), (len(loaded.pools), "ProbePool"))
    counted = " and ".join(count(number, kind) for number, kind in numbers if number)
    verb = "is" if sum(number for number, _ in numbers) == 1 else "are"
    noted = f", with {count(warnings, 'warning')}" if warnings else ""
    return f"{counted} {verb} valid{noted}"
