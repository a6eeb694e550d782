"""`pollwatch validate`: say what is wrong in files of Checks and ProbePools, before a cluster does."""

import json
import sys
from pathlib import Path

import click

from pollwatch.api.load import Loaded, load
from pollwatch.cli.display.words import count
from pollwatch.cli.errors import BAD_INPUT
from pollwatch.cli.findings import Finding, judge
from pollwatch.cli.sources import standard_input
from pollwatch.cli.terminal import write


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
    expressions compile, are the annotations of its alerts templates, are the Secrets and ConfigMaps
    there and usable? Those may stand in the same files. One that does not is a warning only, since the
    cluster may have it. Where the pools that it names stand in the files, too: does their egress policy
    let it probe?

    With -o json: {"checks": how many are valid, "pools": how many are valid, "findings":
    [{"severity": "error" or "warning", "file", "line", "path", "message", "reason"}]}; file and
    line are null where there is none.

    Exits with 0 when all is valid, and with 2 when something is not.
    """
    loaded = load(paths, stdin=standard_input())
    findings = [
        Finding(severity="error", problem=finding.problem) if strict else finding
        for finding in judge(loaded, secrets_dir=secrets_dir)
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
