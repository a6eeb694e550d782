"""From a Check to a page: the rules in a real Prometheus with Alertmanager, and in a real Grafana."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.alerting.grafana import provisioning_file
from pollwatch.alerting.prometheus import rule_file
from pollwatch.alerting.self_rules import self_rules
from tests.alerting.checks import NAME, NAMESPACE, a_check, rules_for
from tests.alerting.probed_site import ProbedSite
from tests.cluster.alertmanager import WebhookReceiver, notifying
from tests.cluster.grafana import Grafana, prometheus_data_source
from tests.cluster.prometheus import alerting_to, scraping
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pollwatch.alerting.model import RuleGroup
    from tests.cluster.fixtures import StartAlertmanager, StartGrafana, StartPrometheus

PATIENCE = 120.0
TEAM = "weekend $HOME {{ desk }}"


@pytest.fixture
def site() -> Iterator[ProbedSite]:
    with ProbedSite() as probed:
        yield probed


def impatient_rules(every: int) -> RuleGroup:
    """The rules of a Check, evaluated often, without the time that they wait before and after."""
    check = a_check(
        labels={"team": TEAM},
        alert={"for": "0s", "annotations": {"desk": "{{ $labels.team }}, {{ $value | humanizeTimestamp }}"}},
    )
    group = rules_for(check)
    rules = tuple(replace(rule, keep_firing_for_seconds=0) for rule in group.rules)
    return replace(group, rules=rules, interval_seconds=every)


def test_an_outage_is_told_by_prometheus_through_alertmanager_and_told_to_be_over(
    site: ProbedSite,
    webhook: WebhookReceiver,
    start_alertmanager: StartAlertmanager,
    start_prometheus: StartPrometheus,
) -> None:
    alertmanager = start_alertmanager(notifying(webhook.url))
    configuration = {**scraping(site.address, honor_labels=True), "alerting": alerting_to(alertmanager.url)}
    prometheus = start_prometheus(configuration, rule_file([impatient_rules(1)]))
    wait_until(lambda: prometheus.query("pollwatch_probe_attempts_total > 2"), what="the first probes")

    site.broken = {ProbedSite.ADDRESSES[1]}
    wait_until(lambda: webhook.states("CheckDegraded"), what="the alert", within_seconds=PATIENCE)
    (alert,) = webhook.notifications[-1]["alerts"]
    site.broken.clear()

    assert (alert["labels"]["namespace"], alert["labels"]["check"]) == (NAMESPACE, NAME)
    assert (alert["labels"]["severity"], alert["labels"]["team"]) == ("warning", TEAM)
    assert alert["annotations"]["summary"].startswith(f"{NAMESPACE}/{NAME} fails for some people")
    assert "UnexpectedStatus at 192.0.2.2;" in alert["annotations"]["failing"]
    assert "192.0.2.1" not in alert["annotations"]["failing"]
    assert alert["annotations"]["desk"].startswith(f"{TEAM}, 20")
    wait_until(
        lambda: webhook.states("CheckDegraded")[-1] == "resolved", what="the end", within_seconds=PATIENCE
    )


def test_an_outage_is_told_by_grafana_whose_rules_are_read_from_the_provisioning_file(
    site: ProbedSite, start_prometheus: StartPrometheus, start_grafana: StartGrafana
) -> None:
    prometheus = start_prometheus(scraping(site.address, honor_labels=True))
    grafana = start_grafana(
        prometheus_data_source(prometheus.url), alerting=[provisioning_file([impatient_rules(10)])]
    )
    names = {rule["name"] for rule in grafana.rules()}
    assert f"CheckDown {NAMESPACE}/{NAME}" in names
    wait_until(
        lambda: all(rule["health"] == "ok" for rule in grafana.rules()),
        what="each rule to be evaluated without an error",
        within_seconds=PATIENCE,
    )
    assert firing(grafana) == []

    site.broken = set(ProbedSite.ADDRESSES)
    (alert,) = wait_until(lambda: firing(grafana), what="the alert", within_seconds=PATIENCE)

    assert alert["labels"]["alert"] == "CheckDown"
    assert (alert["labels"]["namespace"], alert["labels"]["check"]) == (NAMESPACE, NAME)
    assert (alert["labels"]["severity"], alert["labels"]["team"]) == ("critical", TEAM)
    annotations = alert["annotations"]
    assert annotations["summary"] == f"{NAMESPACE}/{NAME} is down for everyone: https://www.example.org/"
    assert "since 20" in annotations["description"]
    assert annotations["desk"].startswith(f"{TEAM}, 20")
    path = f"/d/pollwatch-check?var-namespace={NAMESPACE}&var-check={NAME}"
    assert annotations["dashboard_url"].startswith("http://")
    assert annotations["dashboard_url"].endswith(path)

    site.broken = set()
    wait_until(lambda: not firing(grafana), what="the end", within_seconds=PATIENCE)
    # It expands annotations of rules that do not fire, too, whose query has no value.
    assert "Error in expanding template" not in grafana.log.read_text(encoding="utf-8")


def test_that_nothing_of_pollwatch_is_scraped_is_told_by_grafana(
    start_prometheus: StartPrometheus, start_grafana: StartGrafana
) -> None:
    group = self_rules(AlertDefaults())
    rules = tuple(replace(rule, for_seconds=0) for rule in group.rules)
    prometheus = start_prometheus({})
    grafana = start_grafana(
        prometheus_data_source(prometheus.url),
        alerting=[provisioning_file([replace(group, rules=rules, interval_seconds=10)])],
    )

    (alert,) = wait_until(grafana.alerts, what="the alert", within_seconds=PATIENCE)

    assert (alert["labels"]["alert"], alert["labels"]["severity"]) == ("PollwatchGone", "critical")
    wait_until(
        lambda: [rule["health"] for rule in grafana.rules()] == ["ok"] * len(rules),
        what="each rule to be evaluated without an error",
        within_seconds=PATIENCE,
    )


def firing(grafana: Grafana) -> list[dict[str, Any]]:
    """The alerts that say that it is down, or that Grafana itself cannot tell."""
    return [
        alert
        for alert in grafana.alerts()
        if alert["labels"].get("alert") == "CheckDown"
        or alert["labels"]["alertname"].startswith("Datasource")
    ]
