"""A user's first half hour: install the chart, apply Checks, be told, mend it, upgrade, uninstall.

The tests run in this order and build on each other. Prometheus, Alertmanager and Grafana are there
before Pollwatch is, run by their operators.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.node.images import TREE
from tests.cluster.progress import Progress
from tests.cluster.waiting import wait_until
from tests.e2e.checks import check, status_of, wait_for_verdict
from tests.e2e.election_night import CHECKS, NAMESPACE, SAMPLES, SERVERS, start_sites
from tests.e2e.installation import remove_all
from tests.e2e.inventory import objects_of, wait_until_only
from tests.e2e.pools import SYSTEM
from tests.e2e.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.node.kit import Kit
    from tests.cluster.node.node import OneNode
    from tests.e2e.monitoring import Monitoring
    from tests.e2e.website import Site

pytestmark = pytest.mark.timeout(900)

TRANSCRIPT = TREE / "docs" / "assets" / "first-half-hour.txt"
FRONT_PAGE = "immigration-front-page"
STEADY = "steady"
STEADY_PERIOD = 5
RELEASE = "pollwatch ./charts/pollwatch --namespace pollwatch-system"
# A rule is with Prometheus when the kubelet has brought it into a volume, which it does each minute or so.
ALERT_SECONDS = 400.0
ALL_UP = (
    f"kubectl wait checks --all --namespace {NAMESPACE} --for=jsonpath='{{.status.verdict}}'=Up --timeout=2m"
)


@pytest.fixture(scope="module")
def terminal(request: pytest.FixtureRequest, node: OneNode, kit: Kit) -> Iterator[Terminal]:
    """What the user types into."""
    terminal = Terminal(node=node, kit=kit, progress=Progress(sys.__stderr__ or sys.stderr))
    yield terminal
    terminal.keep(kit.folder / "transcript.txt")
    if os.environ.get("POLLWATCH_E2E_WRITE") and not request.session.testsfailed:
        terminal.keep(TRANSCRIPT)
    remove_all(terminal, NAMESPACE)


@pytest.fixture(scope="module")
def before(node: OneNode, monitoring: Monitoring) -> set[str]:
    """What is on the cluster before Pollwatch is, with monitoring and without sites."""
    assert monitoring.grafana.rules() == []
    return objects_of(node)


@pytest.fixture(scope="module")
def forgotten() -> set[str]:
    """Dashboards in Grafana of which grafana-operator has no note: it will never delete them.

    It writes its notes into the status of the Grafana object; where that was changed in the same moment, it
    tries again, finds the dashboard there, and notes nothing (5.18, `onDashboardCreated`).
    """
    return set()


@pytest.fixture(scope="module")
def site(node: OneNode, before: set[str]) -> Site:
    """The immigration site; the others of that night run beside it."""
    assert before
    return start_sites(node)


@pytest.fixture(scope="module")
def _installed(terminal: Terminal, site: Site) -> None:
    assert site.replicas == SERVERS
    terminal.run(
        f"helm install {RELEASE} --create-namespace --wait --timeout 3m \\\n"
        "  --set mode=pools --set alerts.for=10s"
    )
    terminal.run(f"kubectl apply -f {SAMPLES.relative_to(TREE)}/")
    terminal.run(ALL_UP)


@pytest.mark.usefixtures("_installed")
def test_after_one_install_and_one_apply_every_check_is_up(terminal: Terminal) -> None:
    listing = terminal.run("kubectl get checks -A")

    assert [line.split()[1:4] for line in listing.splitlines()[1:]] == [
        ["cape-breton-ferry", "Up", "1/1"],
        ["cape-breton-front-page", "Up", "1/1"],
        [FRONT_PAGE, "Up", f"{SERVERS}/{SERVERS}"],
        ["immigration-one-address", "Up", "1/1"],
    ]


@pytest.mark.usefixtures("_installed")
def test_prometheus_scrapes_and_has_the_rules_of_each_check_and_grafana_the_dashboards(
    terminal: Terminal, monitoring: Monitoring
) -> None:
    terminal.run(
        "kubectl get podmonitors,servicemonitors,prometheusrules,grafanaalertrulegroups,grafanadashboards -A"
    )
    scraped = f'probe_success{{check="{FRONT_PAGE}",namespace="{NAMESPACE}"}} == 1'

    wait_until(
        lambda: len(monitoring.prometheus.query(scraped)) == SERVERS,
        what="a series of each server in Prometheus",
        within_seconds=ALERT_SECONDS,
        every_seconds=1,
    )
    wait_until(
        lambda: _checks_with_rules(monitoring) == set(CHECKS),
        what="rules of each Check in Prometheus",
        within_seconds=ALERT_SECONDS,
        every_seconds=1,
    )
    wait_until(
        lambda: len(monitoring.grafana.get("/api/search", type="dash-db")) == 3,
        what="three dashboards in Grafana",
        within_seconds=ALERT_SECONDS,
        every_seconds=1,
    )


@pytest.mark.usefixtures("_installed")
def test_one_backend_that_answers_500_is_told_by_prometheus_and_by_grafana_until_it_is_mended(
    node: OneNode, site: Site, terminal: Terminal, monitoring: Monitoring
) -> None:
    # A Grafana that begins with a rule has to have seen it well.
    wait_until(
        lambda: {rule["health"] for rule in _rules_in_grafana(monitoring)} == {"ok"},
        what="rules in Grafana",
        within_seconds=ALERT_SECONDS,
        every_seconds=1,
    )
    told = partial(monitoring.webhook.states, "CheckDegraded", check=FRONT_PAGE, namespace=NAMESPACE)
    assert told() == []
    terminal.say(f"{site.name}-1 begins to answer 500 - Internal server error.")

    site.answer(1, 500)

    terminal.run(
        f"kubectl wait check/{FRONT_PAGE} --namespace {NAMESPACE}"
        " --for=jsonpath='{.status.verdict}'=Degraded --timeout=1m"
    )
    terminal.run("kubectl get checks -A -o wide")
    status = status_of(node, NAMESPACE, FRONT_PAGE)
    assert (status["reason"], status["address"]) == ("UnexpectedStatus", site.address(1))
    failing = f'probe_success{{check="{FRONT_PAGE}",namespace="{NAMESPACE}"}} == 0'
    (series,) = wait_until(lambda: monitoring.prometheus.query(failing), what="the series of the server")
    assert series.labels["address"] == site.address(1)
    wait_until(
        lambda: told() == ["firing"], what="the alert in Alertmanager's webhook", within_seconds=ALERT_SECONDS
    )
    wait_until(
        lambda: _firing_in_grafana(monitoring, FRONT_PAGE),
        what="the alert in Grafana",
        within_seconds=ALERT_SECONDS,
        every_seconds=1,
    )
    degraded = monitoring.webhook.alerts(alertname="CheckDegraded", check=FRONT_PAGE)
    (summary,) = {alert["annotations"]["summary"] for alert in degraded}
    terminal.say(f"Alertmanager and Grafana say: {summary}")
    terminal.say(f"{site.name}-1 is mended.")

    site.answer(1, 200)

    terminal.run(ALL_UP)
    terminal.run("kubectl get checks -A")
    wait_until(
        lambda: told() == ["firing", "resolved"], what="the end of the alert", within_seconds=ALERT_SECONDS
    )
    wait_until(
        lambda: not _firing_in_grafana(monitoring, FRONT_PAGE),
        what="the end of the alert in Grafana",
        within_seconds=ALERT_SECONDS,
        every_seconds=1,
    )


@pytest.mark.usefixtures("_installed")
def test_all_workers_of_a_node_that_are_killed_come_back_and_probe(
    node: OneNode, site: Site, terminal: Terminal
) -> None:
    workers = (
        f"kubectl --namespace {SYSTEM} get pods --selector app.kubernetes.io/component=worker --output name"
    )
    before = set(terminal.run(workers, shown=False).split())
    assert before

    terminal.run(
        f"kubectl --namespace {SYSTEM} delete pods --selector app.kubernetes.io/component=worker"
        " --grace-period=0 --force"
    )

    _wait_until_asked(site, "/")
    site.answer(1, 500)
    wait_for_verdict(node, NAMESPACE, FRONT_PAGE, "Degraded", f"{SERVERS - 1}/{SERVERS}")
    site.answer(1, 200)
    wait_for_verdict(node, NAMESPACE, FRONT_PAGE, "Up", f"{SERVERS}/{SERVERS}")


@pytest.fixture(scope="module")
def _steady(node: OneNode, site: Site, _installed: None) -> None:
    """A Check that is patient: a machine that is busy with other things is no outage."""
    patient = {"periodSeconds": STEADY_PERIOD, "timeoutSeconds": STEADY_PERIOD}
    node.admin.apply([check(STEADY, f"{site.url}{STEADY}", **patient)], namespace=NAMESPACE)
    wait_for_verdict(node, NAMESPACE, STEADY, "Up", f"{SERVERS}/{SERVERS}")


@pytest.mark.usefixtures("_steady")
def test_an_upgrade_and_a_rollback_of_the_operator_leave_no_server_unasked_for_more_than_a_period(
    node: OneNode, site: Site, terminal: Terminal
) -> None:
    operators = _pods(terminal, "operator")
    site.watch()

    terminal.run(f"helm upgrade {RELEASE} --reuse-values --set resyncPeriodSeconds=120 --wait --timeout 3m")
    assert _pods(terminal, "operator") - operators
    terminal.run(f"helm rollback pollwatch 1 --namespace {SYSTEM} --wait --timeout 3m")

    site.answer(2, 500)
    wait_for_verdict(node, NAMESPACE, STEADY, "Degraded", f"{SERVERS - 1}/{SERVERS}")
    site.answer(2, 200)
    wait_for_verdict(node, NAMESPACE, STEADY, "Up", f"{SERVERS}/{SERVERS}")
    # Half a period is the machine's, which is busy with other things, too.
    assert site.gap(f"/{STEADY}") < 1.5 * STEADY_PERIOD


@pytest.mark.usefixtures("_steady")
@pytest.mark.parametrize("mode", ["embedded", "pools"])
def test_another_mode_loses_no_status(node: OneNode, site: Site, terminal: Terminal, mode: str) -> None:
    known = status_of(node, NAMESPACE, STEADY)

    terminal.run(f"helm upgrade {RELEASE} --reuse-values --set mode={mode} --wait --timeout 3m")

    _wait_until_asked(site, f"/{STEADY}")
    status = wait_for_verdict(node, NAMESPACE, STEADY, "Up", f"{SERVERS}/{SERVERS}")
    assert status["lastTransitionTime"] == known["lastTransitionTime"]


@pytest.mark.usefixtures("_steady")
def test_an_uninstall_leaves_checks_and_their_definitions(
    node: OneNode, terminal: Terminal, monitoring: Monitoring, before: set[str], forgotten: set[str]
) -> None:
    (grafana,) = node.admin.get("/apis/grafana.integreatly.org/v1beta1/grafanas")["items"]
    noted = {note.rpartition("/")[2] for note in grafana["status"].get("dashboards", ())}
    forgotten |= _dashboards(monitoring) - noted
    terminal.run(f"helm uninstall pollwatch --namespace {SYSTEM} --wait")
    terminal.run(f"kubectl delete namespace {SYSTEM}")

    wait_until_only(node, before, also=_is_of_users)
    assert status_of(node, NAMESPACE, STEADY)["verdict"] == "Up"


@pytest.mark.usefixtures("_steady")
def test_alert_rules_of_checks_go_with_the_operator_that_wrote_them(node: OneNode) -> None:
    wait_until(
        lambda: not [each for each in objects_of(node) if each.endswith(f" {NAMESPACE}/pollwatch-checks")],
        what="the objects with rules to go",
        within_seconds=180,
        every_seconds=2,
    )


@pytest.mark.usefixtures("_steady")
def test_without_the_definitions_nothing_is_left(
    node: OneNode, terminal: Terminal, monitoring: Monitoring, before: set[str], forgotten: set[str]
) -> None:
    terminal.run("kubectl delete customresourcedefinition checks.pollwatch.dev probepools.pollwatch.dev")
    node.kubectl("delete", "namespace", NAMESPACE)
    wait_until_only(node, before, also=lambda _: False)
    wait_until(
        lambda: not monitoring.grafana.rules() and _dashboards(monitoring) <= forgotten,
        what="nothing to be left in Grafana",
        within_seconds=180,
        every_seconds=2,
    )


def _is_of_users(item: str) -> bool:
    """Whether an object is not Pollwatch's to remove: sites, their Checks, and what says what a Check is."""
    return f" {NAMESPACE}/" in item or item in {
        f"Namespace /{NAMESPACE}",
        "CustomResourceDefinition /checks.pollwatch.dev",
        "CustomResourceDefinition /probepools.pollwatch.dev",
    }


def _dashboards(monitoring: Monitoring) -> set[str]:
    return {found["uid"] for found in monitoring.grafana.get("/api/search", type="dash-db")}


def _checks_with_rules(monitoring: Monitoring) -> set[str]:
    groups = monitoring.prometheus.get("/api/v1/rules")["groups"]
    labels = [rule.get("labels", {}) for group in groups for rule in group["rules"]]
    return {each["check"] for each in labels if "check" in each}


def _rules_in_grafana(monitoring: Monitoring) -> list[dict[str, Any]]:
    return [rule for rule in monitoring.grafana.rules() if rule["name"].startswith("Check")]


def _firing_in_grafana(monitoring: Monitoring, name: str) -> bool:
    return any(
        alert["labels"].get("check") == name and alert["labels"]["alertname"].startswith("CheckDegraded")
        for alert in monitoring.grafana.alerts()
    )


def _wait_until_asked(site: Site, page: str) -> None:
    """Return when a page was asked for twice from now on."""
    asked = site.asked(1)[page]
    wait_until(lambda: site.asked(1)[page] > asked + 1, what=f"probes of {page}", within_seconds=120)


def _pods(terminal: Terminal, component: str) -> set[str]:
    selector = f"app.kubernetes.io/component={component}"
    listing = terminal.run(
        f"kubectl --namespace {SYSTEM} get pods --selector {selector} --output name", shown=False
    )
    return set(listing.split())
