"""What the sample configuration of Alertmanager holds back, judged by the real one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import yaml

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.alerting.self_rules import self_rules
from tests.alerting.checks import a_check, rules_for
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.alertmanager import Alertmanager
    from tests.cluster.fixtures import StartAlertmanager

SAMPLE = Path(__file__).parents[2] / "manifests" / "samples" / "prometheus" / "alertmanager.yaml"


def labels_of(variant: str, check: str = "front-page", pool: str = "east") -> dict[str, str]:
    """The labels of an alert as the rules have them."""
    if variant.startswith("Pollwatch"):
        rules = self_rules(AlertDefaults()).rules
        series = {"pool": pool, "worker": f"{pool}-0"}
    else:
        objective = "99.9" if "Burn" in variant else None
        rules = rules_for(a_check(check, objective=objective, pool=pool)).rules
        series = {}
    (rule,) = (rule for rule in rules if rule.variant == variant)
    return {"alertname": rule.name, **series, **rule.labels}


@pytest.fixture
def alertmanager(start_alertmanager: StartAlertmanager) -> Alertmanager:
    """One with the sample configuration, as it is."""
    return start_alertmanager(yaml.safe_load(SAMPLE.read_text(encoding="utf-8")))


def told(alertmanager: Alertmanager, alerts: list[dict[str, str]]) -> list[Mapping[str, str]]:
    """The labels of those alerts of which somebody is told."""
    answer = httpx.post(
        f"{alertmanager.url}/api/v2/alerts", json=[{"labels": each} for each in alerts], trust_env=False
    )
    answer.raise_for_status()
    wait_until(
        lambda: (
            len(known := alertmanager.alerts()) == len(alerts)
            and all(alert["status"]["state"] != "unprocessed" for alert in known)
        ),
        what="the alerts to be judged",
    )
    return [alert["labels"] for alert in alertmanager.alerts() if alert["status"]["state"] == "active"]


def test_a_site_that_is_down_pages_once_and_others_are_not_held_back(alertmanager: Alertmanager) -> None:
    of_one = ["CheckDown", "CheckDegraded", "CheckFailing", "CheckErrorBudgetBurn fast", "CheckNotJudged"]
    alerts = [
        labels_of(variant) for variant in (*of_one, "CheckErrorBudgetBurn slow", "CheckCertificateExpiring")
    ]
    other = labels_of("CheckDegraded", "another")

    assert sorted(each["alertname"] for each in told(alertmanager, [*alerts, other])) == [
        "CheckDegraded",
        "CheckDown",
    ]


def test_what_pages_of_a_site_that_fails_for_some_holds_back_what_does_not(
    alertmanager: Alertmanager,
) -> None:
    fast, slow, degraded = map(
        labels_of, ("CheckErrorBudgetBurn fast", "CheckErrorBudgetBurn slow", "CheckDegraded")
    )

    assert told(alertmanager, [fast, slow, degraded]) == [fast]


def test_an_isolated_prober_holds_back_the_checks_of_its_pool_and_no_others(
    alertmanager: Alertmanager,
) -> None:
    isolated = labels_of("PollwatchProberIsolated")
    east, west = labels_of("CheckDown", "a"), labels_of("CheckDown", "b", pool="west")
    # Of a Check in several pools, the quorum has judged.
    everywhere = {name: text for name, text in labels_of("CheckDown", "c").items() if name != "pool"}

    active = told(alertmanager, [isolated, east, west, everywhere])

    assert sorted(each.get("check", "") for each in active) == ["", "b", "c"]


def test_without_any_pollwatch_nothing_that_was_known_of_checks_is_told(alertmanager: Alertmanager) -> None:
    gone = labels_of("PollwatchGone")
    gone = {name: text for name, text in gone.items() if name not in {"pool", "worker"}}

    assert told(alertmanager, [gone, labels_of("CheckDown"), labels_of("CheckNoData", "b")]) == [gone]
