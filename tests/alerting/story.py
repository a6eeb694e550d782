"""What Prometheus would have scraped while probes succeeded and failed, for `promtool test rules`."""

from __future__ import annotations

import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import yaml

from pollwatch.alerting.prometheus import rule_file
from pollwatch.plan.states import Verdict
from pollwatch.verdict.combine import combine
from tests.alerting.checks import NAME, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pollwatch.alerting.model import RuleGroup

SCRAPE = 30
"""Seconds from one scrape to the next."""

PERIOD = 30
"""Seconds from one probe to the next."""

VERDICTS = {"u": Verdict.UP, "d": Verdict.DOWN, "e": Verdict.UNKNOWN}
"""What a probe found: the target is up; it is down; the prober could not tell."""

ALIVE = {"series": 'pollwatch_build_info{version="0.1",python="3.13",instance="a"}', "values": "1x20000"}
"""Something of Pollwatch is scraped, all the time."""


def probed(
    outcomes: Mapping[str, str] | str,
    *,
    period: int = PERIOD,
    pool: str = "",
    instance: str = "a",
    before: int = 0,
    check: str = NAME,
) -> list[dict[str, str]]:
    """The series of one Check at one worker.

    Args:
        outcomes: Of each probe, a letter of `VERDICTS`, by address; a text alone: of the one target.
        period: Seconds.
        pool: Of the worker; empty: none.
        instance: Which worker.
        before: Scrapes before the first that has the series.
        check: Its name.
    """
    targets = {"": outcomes} if isinstance(outcomes, str) else outcomes
    own = f'namespace="{NAMESPACE}",check="{check}",instance="{instance}"'
    own += f',pool="{pool}"' if pool else ""
    series: list[dict[str, str]] = []
    for address, letters in targets.items():
        labels = f'{own},target="https://www.example.org/",address="{address}"'
        for metric, counted in (("attempts", "ude"), ("successes", "u"), ("errors", "e")):
            counts = [sum(letter in counted for letter in seen) for seen in _at_scrapes(letters, period)]
            series.append(_series(f"pollwatch_probe_{metric}_total{{{labels}}}", counts, before))
        reasons = {"d": "UnexpectedStatus", "e": "ResourcesExhausted"}
        for letter, reason in reasons.items():
            counts = [seen.count(letter) for seen in _at_scrapes(letters, period)]
            shown = [count or "_" for count in counts]
            series.append(
                _series(f'pollwatch_probe_failures_total{{{labels},reason="{reason}"}}', shown, before)
            )
    states = [
        _verdict(seen) for seen in zip(*(_at_scrapes(each, period) for each in targets.values()), strict=True)
    ]
    series += [
        _series(
            f'pollwatch_check_verdict{{{own},verdict="{verdict}"}}',
            [int(state is verdict) for state in states],
            before,
        )
        for verdict in Verdict
    ]
    series.append(
        _series(f"pollwatch_check_last_transition_timestamp_seconds{{{own}}}", _transitions(states), before)
    )
    return series


def _at_scrapes(letters: str, period: int) -> list[str]:
    """What was found until each scrape; the first is just after the first probe has begun."""
    scrapes = len(letters) * period // SCRAPE
    return [letters[: scrape * SCRAPE // period] for scrape in range(scrapes + 1)]


def _verdict(seen: Sequence[str]) -> Verdict:
    return combine(VERDICTS[letters[-1]] if letters else Verdict.UNKNOWN for letters in seen)


def _transitions(states: Sequence[Verdict]) -> list[int]:
    began = 0
    times = []
    for scrape, state in enumerate(states):
        if scrape and state is not states[scrape - 1]:
            began = scrape * SCRAPE
        times.append(began)
    return times


def _series(name: str, values: Iterable[object], before: int) -> dict[str, str]:
    return {"series": name, "values": " ".join((*("_" for _ in range(before)), *map(str, values)))}


def play(
    promtool: Path,
    folder: Path,
    groups: Sequence[RuleGroup],
    series: Sequence[Mapping[str, str]],
    firing: Mapping[str, Sequence[str]],
    *,
    alerts: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Have promtool evaluate rules over series, and return what it has against what is expected.

    Args:
        promtool: The program.
        folder: For its files.
        groups: The rules.
        series: What was scraped.
        firing: The alerts that fire at some times: `{"10m": ["CheckDown"]}`, each as often as it fires.
        alerts: More expectations, as promtool has them in `alert_rule_test`.

    Returns:
        Nothing when all is as expected.
    """
    (folder / "rules.yaml").write_text(yaml.safe_dump(rule_file(groups)), encoding="utf-8")
    story = {
        "interval": f"{SCRAPE}s",
        "input_series": [dict(one) for one in series],
        "promql_expr_test": [_expectation(time, names) for time, names in firing.items()],
        "alert_rule_test": [dict(one) for one in alerts],
    }
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": f"{SCRAPE}s", "tests": [story]}
    (folder / "story.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    answer = subprocess.run(
        [promtool, "test", "rules", "story.yaml"], cwd=folder, check=False, capture_output=True, text=True
    )
    assert (answer.returncode == 0) == ("SUCCESS" in answer.stdout)
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


def _expectation(time: str, names: Sequence[str]) -> dict[str, Any]:
    samples = []
    for name, count in Counter(names).items():
        alert, _, burn = name.partition(" ")
        labels = f'{{alertname="{alert}"{f", burn={chr(34)}{burn}{chr(34)}" if burn else ""}}}'
        samples.append({"labels": labels, "value": count})
    return {
        "expr": 'count by (alertname, burn) (ALERTS{alertstate="firing"})',
        "eval_time": time,
        "exp_samples": samples,
    }
