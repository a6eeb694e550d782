"""Every query of the dashboards, run by a real Grafana over what a real Prometheus scraped of Pollwatch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pollwatch.alerting.prometheus import rule_file
from tests.alerting.checks import a_check, rules_for
from tests.alerting.dashboards.boards import FOLDER, NAMES, board
from tests.alerting.dashboards.shown import SPAN, Shown
from tests.alerting.dashboards.world import BACKENDS, BAD, probed_world
from tests.cluster.grafana import Grafana, prometheus_data_source
from tests.cluster.prometheus import Prometheus, scraping
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WITHOUT_POOLS = {"overview.json": {}, "check.json": {"namespace": "public-sites", "check": "front-page"}}
"""The dashboards that `pollwatch run` fills by itself, with what is to be chosen there."""


@pytest.fixture(scope="module")
def prometheus(prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Has scraped the world a few times."""
    with probed_world(tmp_path_factory.mktemp("world")) as address:
        configuration = scraping(address, honor_labels=True)
        folder = tmp_path_factory.mktemp("prometheus")
        rules = rule_file([rules_for(a_check("front-page", periodSeconds=1))])
        rules["groups"][0]["interval"] = "1s"
        with Prometheus(
            prometheus_binary, folder=folder, configuration=configuration, rules=[rules]
        ) as running:
            wait_until(
                lambda: running.query("count_over_time(pollwatch_build_info[1m]) >= 8"),
                what="some scrapes",
            )
            wait_until(
                lambda: running.query('ALERTS{alertname="CheckDegraded"}'),
                what="the rules to be evaluated",
                within_seconds=90,
            )
            yield running


@pytest.fixture(scope="module")
def grafana(
    grafana_binary: Path, prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Grafana]:
    """Has the dashboards provisioned as they are shipped."""
    source = prometheus_data_source(prometheus.url)
    folder = tmp_path_factory.mktemp("grafana")
    with Grafana(grafana_binary, folder=folder, data_sources=[source], dashboards=FOLDER) as running:
        yield running


@pytest.mark.parametrize("name", NAMES)
def test_grafana_takes_a_dashboard_under_its_own_uid(grafana: Grafana, name: str) -> None:
    shipped = board(name)
    taken = grafana.get(f"/api/dashboards/uid/{shipped['uid']}")["dashboard"]
    assert taken["title"] == shipped["title"]
    assert len(taken["panels"]) == len(shipped["panels"])


@pytest.mark.parametrize("name", WITHOUT_POOLS)
def test_every_panel_shows_something(grafana: Grafana, name: str) -> None:
    answers = Shown(grafana, name, **WITHOUT_POOLS[name]).all()
    assert {query: answer.error for query, answer in answers.items() if answer.error} == {}
    assert [query for query, answer in answers.items() if not answer.rows] == []


def test_each_check_is_counted_by_its_verdict(grafana: Grafana) -> None:
    counts = Shown(grafana, "overview.json").panel("Checks")
    down, degraded, unknown, up = (answer.rows[0].value for answer in counts.values())
    assert (down, degraded, unknown, up) == (1, 1, 0, 1)


def test_what_is_not_up_is_listed_with_since_when_and_why(grafana: Grafana) -> None:
    answers = Shown(grafana, "overview.json").panel("Not Up")
    verdicts, since, up, targets, failing, reasons = (
        answer.by("namespace", "check") for answer in list(answers.values())[:6]
    )
    assert verdicts == {"public-sites front-page": 2, "back-office gone": 3}
    assert all(0 <= time.time() * 1000 - (began or 0) < SPAN * 1000 for began in since.values())
    assert (up["public-sites front-page"], targets["public-sites front-page"]) == (4, 5)
    assert failing["public-sites front-page"] == pytest.approx(0.2, abs=0.1)
    assert failing["back-office gone"] == 1
    assert reasons.keys() == verdicts.keys()
    why = {row.labels["check"]: row.labels["reason"] for row in answers["F"].rows}
    assert why == {"front-page": "UnexpectedStatus", "gone": "ConnectRefused"}


def test_the_one_bad_backend_stands_out(grafana: Grafana) -> None:
    addresses = Shown(grafana, "check.json", **WITHOUT_POOLS["check.json"]).panel("Addresses")
    outcome, failing, codes = (addresses[letter].by("address") for letter in "ABD")
    assert outcome == {address: int(address != BAD) for address in BACKENDS}
    assert failing == {address: int(address == BAD) for address in BACKENDS}
    assert codes == {address: 500 if address == BAD else 200 for address in BACKENDS}
    assert [(row.labels["address"], row.labels["reason"]) for row in addresses["C"].rows] == [
        (BAD, "UnexpectedStatus")
    ]


def test_phases_are_those_of_the_protocol(grafana: Grafana) -> None:
    for check in ("front-page", "ferry"):
        shown = Shown(grafana, "check.json", namespace="public-sites", check=check)
        phases = shown.panel("Phases")["A"].by("phase")
        assert phases.keys() == {"resolve", "connect", "tls", "processing", "transfer"}
        assert phases["connect"]


def test_the_alerts_of_a_check_are_shown_from_pending_on(grafana: Grafana) -> None:
    alerts = Shown(grafana, "check.json", **WITHOUT_POOLS["check.json"]).panel("Alerts")
    assert alerts["A"].by("alertname")["CheckDegraded"] in (1, 2)


@pytest.mark.parametrize(
    ("choices", "checks"),
    [
        ({}, {"front-page", "ferry", "gone"}),
        ({"namespace": "back-office"}, {"gone"}),
        ({"namespace": "(public-sites|back-office)"}, {"front-page", "ferry", "gone"}),
        ({"check": "ferry"}, {"ferry"}),
        ({"team": "web"}, {"front-page"}),
        # No Check has this label there, nor any at all a pool: All is all the same, a name is nobody.
        ({"namespace": "back-office", "team": "web"}, set()),
        ({"pool": "east"}, set()),
    ],
)
def test_choices_are_honoured(grafana: Grafana, choices: dict[str, str], checks: set[str]) -> None:
    shown = Shown(grafana, "overview.json", **choices)
    assert set(shown.panel("Every Check")["A"].by("check")) == checks
    assert set(shown.panel("Verdicts (the 40 Checks with most trouble)")["A"].by("check")) == checks
    assert set(shown.panel("Share of failures, the ten worst")["A"].by("check")) == checks


@pytest.mark.parametrize("name", WITHOUT_POOLS)
def test_where_there_is_nothing_no_query_fails(grafana: Grafana, name: str) -> None:
    answers = Shown(grafana, name, namespace="nobody", check="nothing").all()
    assert {query: answer.error for query, answer in answers.items() if answer.error} == {}
    shown = {
        row.labels.get("alertname") or row.labels.get("target")
        for one in answers.values()
        for row in one.rows
    }
    # Empty timelines have a row that says why; all else is empty.
    assert shown <= {"no alert", "no HTTP"}


def test_no_query_about_pollwatch_itself_fails_where_there_is_no_operator(grafana: Grafana) -> None:
    shown = Shown(grafana, "self.json")
    assert {query: answer.error for query, answer in shown.all().items() if answer.error} == {}
    for title in ("Processes scraped", "Lateness of starts"):
        assert all(answer.rows for answer in shown.panel(title).values()), title


def test_transitions_are_marked_when_they_were_and_say_what_came(grafana: Grafana) -> None:
    shown = Shown(grafana, "overview.json")
    bad = shown.annotation("No longer Up").by("check", "verdict")
    well = shown.annotation("Up again").by("check", "verdict")
    assert bad.keys() == {"front-page Degraded", "gone Down"}
    assert well.keys() == {"ferry Up"}
    for began in (*bad.values(), *well.values()):
        assert 0 <= time.time() * 1000 - (began or 0) < SPAN * 1000
