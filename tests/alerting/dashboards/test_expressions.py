"""What the panels' PromQL counts, told to promtool second by second."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import yaml

from pollwatch.alerting.dashboards.expressions import failing, failures, how_many, severity, transitions
from pollwatch.plan.states import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ALL = 'check=~".*"'
WHO = 'namespace="public-sites",check="front-page"'


class Judge(Protocol):
    """What the fixture `judge` is."""

    def __call__(self, series: Mapping[str, str], expression: str, expected: Mapping[str, float]) -> None:
        """Evaluate an expression ten minutes after series began, which have a value each 15 s."""


@pytest.fixture
def judge(promtool_binary: Path, tmp_path: Path) -> Judge:
    """Asks promtool what an expression answers."""

    def judge(series: Mapping[str, str], expression: str, expected: Mapping[str, float]) -> None:
        test: dict[str, Any] = {
            "interval": "15s",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": expression,
                    "eval_time": "10m",
                    "exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()],
                }
            ],
        }
        file = tmp_path / "test.yaml"
        file.write_text(yaml.safe_dump({"tests": [test]}), encoding="utf-8")
        told = subprocess.run(
            [promtool_binary, "test", "rules", file], check=False, capture_output=True, text=True
        )
        assert told.returncode == 0, told.stdout + told.stderr

    return judge


def verdict(holds: Verdict, **labels: str) -> dict[str, str]:
    """The series of one verdict."""
    more = "".join(f',{name}="{value}"' for name, value in labels.items())
    return {
        f'pollwatch_check_verdict{{{WHO},verdict="{one}"{more}}}': f"{int(one is holds)}x60"
        for one in Verdict
    }


def test_of_several_pools_the_worst_counts_and_counts_once(judge: Judge) -> None:
    series = {
        **verdict(Verdict.UP, pool="east", instance="a"),
        **verdict(Verdict.DEGRADED, pool="west", instance="b"),
    }
    judge(series, severity(ALL, "check"), {'{check="front-page"}': 2})
    judge(series, severity(ALL, "pool"), {'{pool="east"}': 0, '{pool="west"}': 2})
    judge(series, how_many(Verdict.DEGRADED, ALL), {"{}": 1})
    judge(series, how_many(Verdict.UP, ALL), {"{}": 0})


def test_without_checks_there_is_nothing_rather_than_zero(judge: Judge) -> None:
    judge({"up": "1x60"}, how_many(Verdict.UP, ALL), {})
    judge({"up": "1x60"}, failing(ALL, "", "5m"), {})


def test_shares_are_of_the_probes_of_all_workers_together(judge: Judge) -> None:
    # One of two workers fails each of its probes, and probes three times as often.
    series = {
        f'pollwatch_probe_attempts_total{{{WHO},instance="a"}}': "0+15x60",
        f'pollwatch_probe_successes_total{{{WHO},instance="a"}}': "0+15x60",
        f'pollwatch_probe_attempts_total{{{WHO},instance="b"}}': "0+45x60",
        f'pollwatch_probe_successes_total{{{WHO},instance="b"}}': "0x60",
    }
    judge(series, failing(ALL, "check", "5m"), {'{check="front-page"}': 0.75})


def test_the_first_failure_of_a_kind_counts(judge: Judge) -> None:
    # The counter appears with the failure, two minutes ago, and nothing follows.
    series = {
        f"pollwatch_probe_attempts_total{{{WHO}}}": "0+15x60",
        f'pollwatch_probe_failures_total{{{WHO},reason="DNSFailed"}}': "_x32 1x28",
    }
    judge(series, failures(ALL, "reason", "5m"), {'{reason="DNSFailed"}': 1})


def test_what_a_worker_counted_before_it_was_ever_scraped_is_not_new(judge: Judge) -> None:
    series = {
        f"pollwatch_probe_attempts_total{{{WHO}}}": "_x32 5000x28",
        f'pollwatch_probe_failures_total{{{WHO},reason="DNSFailed"}}': "_x32 1000x28",
    }
    judge(series, failures(ALL, "reason", "5m"), {'{reason="DNSFailed"}': 0})


def test_a_transition_is_where_its_time_is_and_has_its_verdict(judge: Judge) -> None:
    series = {
        **verdict(Verdict.DOWN),
        f"pollwatch_check_last_transition_timestamp_seconds{{{WHO}}}": "420x60",
    }
    marks = transitions(ALL, "Degraded|Down|Unknown").replace("$__from", "400000")
    judge(series, marks, {'{namespace="public-sites",check="front-page",verdict="Down"}': 420_000})
    judge(series, transitions(ALL, "Up").replace("$__from", "400000"), {})
    judge(series, transitions(ALL, "Down").replace("$__from", "430000"), {})
