"""What the operator is told of alert rules is read strictly, before anything starts."""

import json

import pytest

from tests.cli.commands import pollwatch


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--rule-label=release", "'release': write it as NAME=VALUE"),
        ("--rule-label=release=two words", "--rule-label release: must be the value of a label"),
        ("--grafana-instance-selector=-a=b", "--grafana-instance-selector must have keys of labels"),
        ("--alert-for=soon", "--alert-for: must be a duration"),
        ("--alert-label=severity=page", "--alert-label: must not have one of the names"),
        ("--alert-annotation=note={{ $nonsense", "--alert-annotation note: must close every '{{'"),
        ("--dashboard-url=grafana", "'grafana': write it as https://HOST/PATH"),
        ("--prometheus-rules=always", "'always' is not one of 'auto', 'never'"),
    ],
)
async def test_a_wrong_value_is_refused_by_the_name_of_its_option(argument: str, said: str) -> None:
    ended = await pollwatch("operator", "--embedded", argument)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


async def test_an_annotation_that_is_no_template_is_left_out_and_said_once_with_the_remedy() -> None:
    # The schema of the chart lets it pass, and an operator that will not start probes nothing.
    ended = await pollwatch(
        "operator",
        "--embedded",
        "--kubeconfig=/nowhere",
        "--alert-annotation=desk={{ toUppr $labels.team }}",
        "--alert-annotation=note=Call {{ $labels.team }}.",
    )

    said = [json.loads(line) for line in ended.err.splitlines() if line.startswith("{")]
    (warning,) = [entry for entry in said if entry["level"] == "warning"]
    assert warning["event"] == "an annotation for all alerts is left out"
    assert warning["option"] == "--alert-annotation desk"
    assert "did you mean toUpper?" in warning["error"]
    assert "alerts.annotations" in warning["remedy"]
    # What ends it is that there is no cluster.
    assert ended.code == 1
    assert "/nowhere" in ended.err


async def test_files_of_rules_are_not_made_with_an_annotation_that_is_no_template() -> None:
    ended = await pollwatch("rules", "-", "--alert-annotation=desk={{ toUppr $labels.team }}")

    assert ended.code == 2
    assert "--alert-annotation desk: in {{ toUppr $labels.team }}: there is no function 'toUppr'" in ended.err
