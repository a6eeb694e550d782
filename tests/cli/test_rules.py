"""`pollwatch rules`: what a person or a pipeline sees."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from click.testing import CliRunner

from pollwatch.cli.rules import command
from pollwatch.cli.validate import command as validate
from tests.corpus.corpus import FOLDER

if TYPE_CHECKING:
    from click.testing import Result

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"

CHECK = """\
apiVersion: pollwatch.dev/v1alpha1
kind: Check
metadata: {name: front-page, namespace: public-sites}
spec:
  pool: east
  alert:
    annotations:
      desk: "%s"
  http: {url: "https://www.example.org/"}
"""
POOL = """\
apiVersion: pollwatch.dev/v1alpha1
kind: ProbePool
metadata: {name: east}
spec:
  alert: {severity: ticket, labels: {location: halifax}, annotations: {desk: of the pool, region: "%s"}}
"""


def rules(*arguments: str | Path, text: str | None = None) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], input=text)


def rules_in(result: Result) -> dict[str, Any]:
    """The rules of one group, by name."""
    assert (result.exit_code, result.stderr) == (0, "")
    (group,) = yaml.safe_load(result.stdout)["groups"]
    return {rule.get("alert", rule.get("title")): rule for rule in group["rules"]}


def test_prometheus_accepts_what_is_printed_for_the_samples(promtool_binary: Path, tmp_path: Path) -> None:
    result = rules(SAMPLES, "--self")
    file = tmp_path / "pollwatch.rules.yaml"
    file.write_text(result.stdout, encoding="utf-8")

    answer = subprocess.run(
        [promtool_binary, "check", "rules", "--lint=all", "--lint-fatal", file],
        check=False,
        capture_output=True,
    )

    assert (result.exit_code, result.stderr) == (0, "")
    assert answer.returncode == 0, answer.stderr
    names = [group["name"] for group in yaml.safe_load(result.stdout)["groups"]]
    assert names[-1] == "pollwatch"
    assert names[:-1] == sorted(names[:-1])
    assert "public-sites/immigration-front-page" in names


def test_standard_input_is_read(tmp_path: Path) -> None:
    file = tmp_path / "check.yaml"
    file.write_text(CHECK % "web", encoding="utf-8")

    assert rules("-", text=CHECK % "web").stdout == rules(file).stdout


def test_what_a_pool_in_the_files_says_of_alerts_holds_where_a_check_says_nothing() -> None:
    alone = rules_in(rules("-", text=CHECK % "web"))["CheckDown"]
    pooled = rules_in(rules("-", text=CHECK % "web" + "---\n" + POOL % "the coast"))["CheckDown"]

    assert (alone["labels"]["severity"], pooled["labels"]["severity"]) == ("critical", "ticket")
    assert pooled["labels"]["location"] == "halifax"
    assert (pooled["annotations"]["desk"], pooled["annotations"]["region"]) == ("web", "the coast")


def test_options_hold_where_neither_a_check_nor_its_pool_says_anything() -> None:
    options = [
        "--alert-severity=page",
        "--alert-for=5m",
        "--alert-label=tier=gold",
        "--dashboard-url=https://g/",
    ]
    down = rules_in(rules("-", *options, "--runbook-base=https://wiki", text=CHECK % "web"))["CheckDown"]

    assert (down["labels"]["severity"], down["labels"]["tier"], down["for"]) == ("page", "gold", "5m")
    assert down["annotations"]["runbook_url"] == "https://wiki/CheckDown/"
    assert (
        down["annotations"]["dashboard_url"]
        == "https://g/d/pollwatch-check?var-namespace=public-sites&var-check=front-page"
    )


def test_grafana_gets_a_provisioning_file_with_the_data_source_and_the_folder_that_are_named() -> None:
    result = rules("-", "-o", "grafana", "--data-source=mimir", "--folder=Sites", text=CHECK % "web")
    document = yaml.safe_load(result.stdout)

    assert document["apiVersion"] == 1
    assert document["groups"][0]["folder"] == "Sites"
    rule = rules_in(result)["CheckDown public-sites/front-page"]
    assert [query["datasourceUid"] for query in rule["data"]] == ["mimir", "__expr__", "__expr__"]


def test_a_template_with_a_fault_is_refused_with_its_file_line_and_path_and_no_rules_are_printed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "check.yaml"
    file.write_text(CHECK % "{{ humanise $value }}", encoding="utf-8")
    message = (
        f"{file}:8: spec.alert.annotations.desk: in {{{{ humanise $value }}}}:"
        " there is no function 'humanise' that can be used here; did you mean humanize?\n"
    )

    for run in (command, validate):
        result = CliRunner().invoke(run, [str(file)])
        assert (result.exit_code, result.stdout, result.stderr) == (2, "", message)


def test_the_template_of_a_pool_is_judged_too() -> None:
    result = rules("-", text=CHECK % "web" + "---\n" + POOL % "{{ query `up` }}")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "spec.alert.annotations.region: in {{ query `up` }}: there is no function 'query'" in result.stderr


def test_what_admission_refuses_is_refused_here() -> None:
    result = rules(FOLDER / "bad" / "alert-label-severity.yaml")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "alert-label-severity.yaml:8: spec.alert.labels: must not have one of the names" in result.stderr


def test_an_objective_that_no_window_can_judge_is_a_warning_of_validate() -> None:
    check = (CHECK % "web").replace("spec:", 'spec:\n  periodSeconds: 86400\n  objective: "99.9"')

    result = CliRunner().invoke(validate, ["-"], input=check)

    assert (result.exit_code, result.stdout) == (0, "1 Check is valid, with 1 warning\n")
    assert (
        "spec.objective: has no alert: it is probed too seldom; lower periodSeconds to 21600" in result.stderr
    )


def test_a_secret_that_only_the_cluster_has_keeps_no_rule_from_being_made() -> None:
    assert rules(FOLDER / "rejected" / "secret-not-found.yaml").exit_code == 0


def test_pools_alone_have_no_alerts() -> None:
    result = rules(FOLDER / "good" / "pool-minimal.yaml")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith("ProbePools alone have no alerts\n")


def test_a_path_where_there_is_nothing_is_said() -> None:
    result = rules("nowhere.yaml")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("nowhere.yaml: ")


def test_an_option_that_cannot_be_used_is_refused_by_its_name() -> None:
    result = rules("-", "--alert-label=severity=page", text=CHECK % "web")

    assert result.exit_code == 2
    assert "--alert-label: must not have one of the names" in result.stderr


def test_checks_without_alerts_make_an_empty_file() -> None:
    result = rules(
        "-", text=(CHECK % "web").replace("    annotations:", "    enabled: false\n    annotations:")
    )

    assert (result.exit_code, yaml.safe_load(result.stdout)) == (0, {"groups": []})
