"""The quickstart can be followed by a machine: `make e2e` does, on a real cluster."""

import re

import pytest
import yaml

from tests.docs.pages import ROOT, blocks
from tests.docs.quickstart import PAGE, Step, steps

CHECKS = Step(
    heading="Watch it",
    commands="kubectl get checks -A -o wide\n",
    expected=(
        "NAMESPACE    NAME    VERDICT    TARGETS   SINCE   AGE   ADDRESS      REASON",
        "quickstart   hello   Degraded   2/3       2s      21s   10.244.0.7   UnexpectedStatus",
    ),
)
HEADING = "NAMESPACE  NAME  VERDICT  TARGETS  SINCE  AGE  ADDRESS  REASON\n"


def test_its_steps_install_watch_break_mend_and_remove_in_this_order() -> None:
    said = "".join(step.commands for step in steps())
    milestones = ["helm install", "apply -f", "=Up", "=Degraded", "=Up", "helm uninstall"]
    rest = said
    for milestone in milestones:
        _, found, rest = rest.partition(milestone)
        assert found == milestone


def test_its_commands_have_no_prompt_and_name_files_that_are_there() -> None:
    for step in steps():
        assert not step.commands.startswith("$"), step.heading
        for file in re.findall(r"-f (\S+)", step.commands):
            assert (ROOT / file).is_file()


def test_the_check_that_it_shows_is_the_one_that_it_applies() -> None:
    (shown,) = blocks(PAGE, "yaml")
    applied = (ROOT / "manifests/samples/quickstart/check.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(shown) == yaml.safe_load(applied)


@pytest.mark.parametrize("step", [step for step in steps() if step.expected], ids=lambda step: step.heading)
def test_what_it_shows_matches_itself(step: Step) -> None:
    assert step.shows("\n".join(step.expected))
    assert not step.shows("")


@pytest.mark.parametrize(
    "line",
    [
        "quickstart   hello   Degraded   2/3   2s   21s   10.244.0.7   UnexpectedStatus",
        "quickstart   hello   Degraded   2/3   61s   2m5s   10.0.0.123   UnexpectedStatus",
        "quickstart   hello   Degraded   2/3   9s    3h    10.0.0.123   UnexpectedStatus   ",
    ],
)
def test_another_age_and_another_address_are_what_is_shown(line: str) -> None:
    assert CHECKS.shows(HEADING + line)


@pytest.mark.parametrize(
    "line",
    [
        "quickstart   hello   Down   0/3   2s   21s   10.244.0.7   UnexpectedStatus",
        "quickstart   hello   Degraded   2/3   2s   21s   10.244.0.7   UnexpectedBody",
        "quickstart   hello   Degraded   2/3   2s   21s",
        "",
    ],
)
def test_another_verdict_or_reason_is_not(line: str) -> None:
    assert not CHECKS.shows(HEADING + line)
