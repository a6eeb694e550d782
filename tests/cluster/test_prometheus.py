from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.lamps import EXPOSITION, LAMP_IS_OUT
from tests.cluster.process import ProgramError
from tests.cluster.prometheus import promtool_check_metrics, scraping
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.fixtures import StartPrometheus
    from tests.cluster.lamps import Lamp


def test_prometheus_scrapes_a_server_and_evaluates_a_rule(
    start_prometheus: StartPrometheus, lamp: Lamp
) -> None:
    prometheus = start_prometheus(scraping(lamp.address), LAMP_IS_OUT)

    (alert,) = wait_until(prometheus.alerts, what="the alert")
    assert alert["state"] == "firing"
    assert alert["labels"]["severity"] == "page"
    assert alert["annotations"]["summary"] == "louisbourg is out"
    (sample,) = prometheus.query('lamp_lit{lamp="louisbourg"}')
    assert sample.value == 0
    assert sample.labels["instance"] == lamp.address
    (target,) = prometheus.targets()
    assert target["health"] == "up"


def test_a_target_that_is_away_is_down_with_the_reason(start_prometheus: StartPrometheus) -> None:
    prometheus = start_prometheus(scraping("127.0.0.1:9"))

    (target,) = wait_until(
        lambda: [each for each in prometheus.targets() if each["health"] != "unknown"], what="a scrape"
    )
    assert target["health"] == "down"
    assert "connection refused" in target["lastError"]


def test_a_faulty_expression_is_refused_with_prometheus_own_words(start_prometheus: StartPrometheus) -> None:
    prometheus = start_prometheus(scraping("127.0.0.1:9"))

    with pytest.raises(ValueError, match="parse error"):
        prometheus.query("lamp_lit{")


def test_a_faulty_rule_keeps_prometheus_from_starting_and_the_log_says_why(
    start_prometheus: StartPrometheus,
) -> None:
    broken = {"groups": [{"name": "lamps", "rules": [{"alert": "Broken", "expr": "lamp_lit ==="}]}]}

    with pytest.raises(ProgramError, match=r"could not parse expression|parse error"):
        start_prometheus(scraping("127.0.0.1:9"), broken)


def test_promtool_has_nothing_against_a_clean_exposition(promtool_binary: Path) -> None:
    assert promtool_check_metrics(promtool_binary, EXPOSITION.format(lit=True)) == []


def test_promtool_names_the_metric_that_breaks_a_naming_rule(promtool_binary: Path) -> None:
    (problem,) = promtool_check_metrics(
        promtool_binary, "# TYPE lampsTotal counter\n# HELP lampsTotal x\nlampsTotal 1\n"
    )[:1]

    assert problem.startswith("lampsTotal")


def test_promtool_refuses_what_is_no_exposition(promtool_binary: Path) -> None:
    assert "error while linting" in promtool_check_metrics(promtool_binary, "lamp{ 1\n")[0]
