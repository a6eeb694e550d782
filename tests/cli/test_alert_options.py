"""What the operator is told of alert rules is read strictly, before anything starts."""

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
        ("--alert-annotation=note={{ $nonsense }}", "--alert-annotation note: "),
        ("--dashboard-url=grafana", "'grafana': write it as https://HOST/PATH"),
        ("--prometheus-rules=always", "'always' is not one of 'auto', 'never'"),
    ],
)
async def test_a_wrong_value_is_refused_by_the_name_of_its_option(argument: str, said: str) -> None:
    ended = await pollwatch("operator", "--embedded", argument)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
