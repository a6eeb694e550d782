"""What a platform team's Prometheus and Grafana have of Pollwatch, by way of their operators.

The tests run in this order and build on each other: two pools see a site, one server of it fails, and
it is mended.
"""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trustme

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.alerting.self_rules import self_rules
from tests.alerting.dashboards.boards import NAMES, board, expressions
from tests.alerting.dashboards.shown import Shown
from tests.cluster.progress import Progress
from tests.cluster.waiting import wait_until
from tests.e2e.checks import check, status_of
from tests.e2e.dashboards import wait_until_all_have_data, without_data
from tests.e2e.installation import remove_all
from tests.e2e.pools import SYSTEM, delete_pool, pool, wait_for_condition, wait_for_pool
from tests.e2e.terminal import Terminal
from tests.e2e.website import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.apiclient import JsonObject
    from tests.cluster.node.kit import Kit
    from tests.cluster.node.node import OneNode
    from tests.e2e.monitoring import Monitoring

pytestmark = pytest.mark.timeout(900)

NAMESPACE = "newsroom"
FRONT_PAGE = "front-page"
SERVERS = 3
POOLS = {"default": 1, "east": 2}
"""How many workers there are, by pool."""
# The kubelet brings what is to be scraped, and rules, into a volume each minute or so.
MONITORING_SECONDS = 400.0


@pytest.fixture(scope="module")
def terminal(node: OneNode, kit: Kit) -> Iterator[Terminal]:
    """What the platform team types into."""
    terminal = Terminal(node=node, kit=kit, progress=Progress(sys.__stderr__ or sys.stderr))
    yield terminal
    terminal.keep(kit.folder / "monitoring.txt")
    remove_all(terminal, NAMESPACE)


@pytest.fixture(scope="module")
def site(node: OneNode, monitoring: Monitoring, terminal: Terminal) -> Site:
    """A site that both pools watch, with certificates, at each of its servers."""
    assert monitoring.grafana.url
    terminal.run(
        f"helm install pollwatch ./charts/pollwatch --namespace {SYSTEM} --create-namespace \\\n"
        "  --wait --timeout 3m --set mode=pools --set alerts.for=10s \\\n"
        "  --set grafana.grafanaDashboards.enabled=true"
    )
    node.admin.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    authority = trustme.CA()
    site = Site(node=node, namespace=NAMESPACE, replicas=SERVERS, authority=authority)
    site.start()
    root = {"ca.crt": authority.cert_pem.bytes().decode()}
    trusted = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "root"}, "data": root}
    node.admin.apply([pool("east", replicas=POOLS["east"], labels={"location": "halifax"})])
    node.admin.apply([trusted, _seen_by_both(FRONT_PAGE, site)], namespace=NAMESPACE)
    _wait_for(node, FRONT_PAGE, "Up")
    return site


def _seen_by_both(name: str, site: Site) -> JsonObject:
    """A Check of every server by HTTPS, from both pools."""
    made = check(name, site.https_url, pools=list(POOLS), labels={"team": "web"})
    made["spec"]["http"]["tls"] = {"caFrom": {"configMapKeyRef": {"name": "root", "key": "ca.crt"}}}
    return made


@pytest.mark.usefixtures("site")
def test_each_worker_of_each_pool_is_scraped_once_and_so_is_each_operator(
    node: OneNode, monitoring: Monitoring
) -> None:
    for name, replicas in POOLS.items():
        workers = _pods(node, f"pollwatch.dev/pool={name}")
        assert len(workers) == replicas
        _wait_for_series(monitoring, f'count by (pod) (up{{pool="{name}"}} == 1)', dict.fromkeys(workers, 1))
    operators = _pods(node, "app.kubernetes.io/component=operator")
    _wait_for_series(monitoring, "count by (pod) (pollwatch_operator_leader)", dict.fromkeys(operators, 1))


@pytest.mark.usefixtures("site")
def test_series_of_workers_and_of_checks_are_told_apart_by_pool(monitoring: Monitoring) -> None:
    series = partial(_wait_for_series, monitoring, label="pool")

    series("count by (pool) (pollwatch_worker_plan_checks)", dict(POOLS))
    series("sum by (pool) (pollwatch_worker_plan_checks)", dict.fromkeys(POOLS, 1))
    probed = f'probe_success{{namespace="{NAMESPACE}",check="{FRONT_PAGE}"}} == 1'
    series(f"count by (pool) ({probed})", dict.fromkeys(POOLS, SERVERS))


@pytest.mark.usefixtures("site")
def test_grafana_has_the_dashboards_as_they_are_shipped(monitoring: Monitoring) -> None:
    wait_until(
        lambda: len(monitoring.grafana.get("/api/search", type="dash-db")) == len(NAMES),
        what="the dashboards in Grafana",
        within_seconds=MONITORING_SECONDS,
        every_seconds=1,
    )

    for name in NAMES:
        shipped = board(name)
        taken = monitoring.grafana.get(f"/api/dashboards/uid/{shipped['uid']}")["dashboard"]
        assert list(expressions(taken)) == list(expressions(shipped))


@pytest.mark.usefixtures("site")
def test_grafana_evaluates_the_alerts_on_pollwatch_itself(monitoring: Monitoring) -> None:
    expected = {f"{rule.name} {SYSTEM}" for rule in self_rules(AlertDefaults()).rules}

    wait_until(
        lambda: expected == {rule["name"] for rule in _of_pollwatch(monitoring) if rule["health"] == "ok"},
        what="the alerts on Pollwatch itself in Grafana",
        within_seconds=MONITORING_SECONDS,
        every_seconds=1,
    )
    assert {rule["folder"] for rule in _of_pollwatch(monitoring)} == {f"Pollwatch itself: {SYSTEM}"}


@pytest.fixture(scope="module")
def _outage(node: OneNode, site: Site, monitoring: Monitoring) -> None:
    """One server of the site fails, its alert fires, a worker dies, and a Check is new."""
    site.answer(1, 500)
    _wait_for(node, FRONT_PAGE, "Degraded")
    firing = f'ALERTS{{alertname="CheckDegraded",alertstate="firing",check="{FRONT_PAGE}"}}'
    wait_until(
        lambda: monitoring.prometheus.query(firing),
        what="the alert in Prometheus",
        within_seconds=MONITORING_SECONDS,
        every_seconds=1,
    )
    worker = min(_pods(node, "pollwatch.dev/pool=east"))
    node.kubectl("delete", "pod", worker, f"--namespace={SYSTEM}", "--grace-period=0", "--force")
    wait_for_pool(node, "east", "Ready", "Ready")
    node.admin.apply([_seen_by_both("later", site)], namespace=NAMESPACE)
    _wait_for(node, "later", "Degraded")


@pytest.mark.usefixtures("_outage")
@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("overview.json", {}),
        ("overview.json", {"namespace": NAMESPACE, "team": "web", "pool": "east", "check": FRONT_PAGE}),
        ("check.json", {"namespace": NAMESPACE, "check": FRONT_PAGE}),
        ("check.json", {"namespace": NAMESPACE, "team": "web", "pool": "default", "check": FRONT_PAGE}),
        ("self.json", {}),
        ("self.json", {"pool": "east"}),
    ],
)
def test_in_an_outage_every_query_of_every_panel_shows_something(
    monitoring: Monitoring, name: str, choices: dict[str, str]
) -> None:
    shown = Shown(monitoring.grafana, name, **choices)

    for variable, choice in choices.items():
        assert choice in shown.offered(variable)
    wait_until_all_have_data(shown, within_seconds=60)


@pytest.mark.usefixtures("_outage")
def test_in_an_outage_dashboards_show_what_fails_and_who_looks(
    node: OneNode, site: Site, monitoring: Monitoring
) -> None:
    overview = Shown(monitoring.grafana, "overview.json", namespace=NAMESPACE)
    assert overview.offered("pool") == set(POOLS)
    assert overview.offered("check") == {FRONT_PAGE, "later"}
    not_up = {f"{name} {pool}": 2 for name in (FRONT_PAGE, "later") for pool in POOLS}
    assert overview.panel("Not Up")["A"].by("check", "pool") == not_up
    assert "east halifax" in overview.panel("By pool and location")["B"].by("pool", "location")
    assert f"{FRONT_PAGE} Degraded" in overview.annotation("No longer Up").by("check", "verdict")

    addresses = Shown(monitoring.grafana, "check.json", namespace=NAMESPACE, check=FRONT_PAGE).panel(
        "Addresses"
    )
    codes = {site.address(ordinal): 500 if ordinal == 1 else 200 for ordinal in range(SERVERS)}
    assert addresses["D"].by("pool", "address") == {
        f"{pool} {address}": code for pool in POOLS for address, code in codes.items()
    }

    processes = len(_pods(node, "app.kubernetes.io/name=pollwatch"))
    own = Shown(monitoring.grafana, "self.json")
    wait_until(
        lambda: own.panel("Processes scraped")["A"].rows[0].value == processes,
        what=f"{processes} processes to be scraped",
        within_seconds=60,
    )
    assert own.panel("Operators that lead")["A"].rows[0].value == 1
    # A worker shows nothing of an operator, and an operator nothing of a worker, but no query fails.
    for instance in own.offered("instance"):
        without_data(Shown(monitoring.grafana, "self.json", instance=instance))


@pytest.mark.usefixtures("_outage")
def test_after_an_outage_the_end_is_marked_and_no_query_fails(
    node: OneNode, site: Site, monitoring: Monitoring
) -> None:
    site.answer(1, 200)
    for name in (FRONT_PAGE, "later"):
        _wait_for(node, name, "Up")

    overview = Shown(monitoring.grafana, "overview.json")
    wait_until(
        lambda: f"{FRONT_PAGE} Up" in overview.annotation("Up again").by("check", "verdict"),
        what="the mark of the end",
        within_seconds=60,
    )
    # Nobody is listed for what is Up, and a share of failures is 0, not absent.
    wait_until(
        lambda: {query.rpartition(" ")[0] for query in without_data(overview)} == {"Not Up"},
        what="the list to be empty",
        within_seconds=60,
    )


@pytest.fixture
def _read_only(site: Site, monitoring: Monitoring) -> Iterator[None]:
    """grafana-operator logs on by an account that may look, and write nothing any more."""
    assert site.replicas
    wait_until(
        lambda: _evaluations(monitoring, NAMESPACE),
        what="rules in Grafana",
        within_seconds=MONITORING_SECONDS,
        every_seconds=1,
    )
    monitoring.let_operator("Viewer")
    yield
    monitoring.let_operator("Admin")


@pytest.mark.usefixtures("_read_only")
def test_a_folder_that_grafana_operator_may_not_write_is_said_on_its_checks_and_other_rules_go_on(
    node: OneNode, site: Site, monitoring: Monitoring, namespace: str
) -> None:
    node.admin.apply([check(FRONT_PAGE, site.url)], namespace=namespace)

    refused = _wait_for_alerts(node, namespace, "Refused")
    assert refused["status"] == "False"
    assert "403" in refused["message"]
    assert refused["message"].endswith("In force are the PrometheusRules.")
    assert _evaluations(monitoring, namespace) == set()
    # What Grafana has already, it goes on with, and nothing else is said of it.
    before = _evaluations(monitoring, NAMESPACE)
    wait_until(
        lambda: not before & _evaluations(monitoring, NAMESPACE), what="other rules", within_seconds=60
    )
    assert _wait_for_alerts(node, NAMESPACE, "Rendered")["status"] == "True"

    monitoring.let_operator("Admin")

    # It tries again, each time after twice as long.
    _wait_for_alerts(node, namespace, "Rendered")
    assert _evaluations(monitoring, namespace)
    _wait_for_rules(monitoring, namespace)


@pytest.mark.usefixtures("site")
def test_a_folder_that_is_somebody_elses_is_said_on_its_checks_and_other_namespaces_have_theirs(
    node: OneNode, site: Site, monitoring: Monitoring, namespace: str
) -> None:
    monitoring.grafana.post("/api/folders", {"title": f"Pollwatch: {namespace}"})

    node.admin.apply([check(FRONT_PAGE, site.url)], namespace=namespace)

    refused = _wait_for_alerts(node, namespace, "Refused")
    assert re.search(r"GrafanaAlertRuleGroup: .*folder with uid \S+ not found", refused["message"])
    assert _wait_for_alerts(node, NAMESPACE, "Rendered")["status"] == "True"
    assert _evaluations(monitoring, NAMESPACE)


@pytest.mark.usefixtures("_outage")
def test_series_of_a_pool_go_with_the_pool(node: OneNode, monitoring: Monitoring) -> None:
    for name in (FRONT_PAGE, "later"):
        path = f"/apis/pollwatch.dev/v1alpha1/namespaces/{NAMESPACE}/checks/{name}"
        node.admin.patch(path, {"spec": {"pools": None, "pool": "default"}})

    delete_pool(node, "east")

    wait_until(
        lambda: not monitoring.prometheus.query('{pool="east"}'),
        what="the series of the pool to go",
        within_seconds=MONITORING_SECONDS,
        every_seconds=1,
    )
    _wait_for(node, FRONT_PAGE, "Up")


def _pods(node: OneNode, selector: str) -> set[str]:
    pods = node.admin.get(f"/api/v1/namespaces/{SYSTEM}/pods", labelSelector=selector)["items"]
    return {each["metadata"]["name"] for each in pods}


def _wait_for(node: OneNode, name: str, verdict: str) -> None:
    wait_until(
        lambda: status_of(node, NAMESPACE, name).get("verdict") == verdict,
        what=f"the Check {name} to be {verdict}",
        within_seconds=120,
    )


def _wait_for_series(
    monitoring: Monitoring, expression: str, expected: dict[str, int], *, label: str = "pod"
) -> None:
    """Return when Prometheus has answered with these values, by the value of a label."""
    wait_until(
        lambda: (
            {each.labels[label]: each.value for each in monitoring.prometheus.query(expression)} == expected
        ),
        what=f"{expression} to be {expected}",
        within_seconds=MONITORING_SECONDS,
        every_seconds=1,
    )


def _wait_for_alerts(node: OneNode, namespace: str, reason: str) -> JsonObject:
    """The condition that says what became of the alert rules of a Check, once it has this reason."""
    path = f"/apis/pollwatch.dev/v1alpha1/namespaces/{namespace}/checks/{FRONT_PAGE}"
    return wait_for_condition(node, path, "AlertsRendered", reason, seconds=MONITORING_SECONDS)


def _wait_for_rules(monitoring: Monitoring, namespace: str) -> None:
    """Return when Prometheus has rules of a namespace."""
    wait_until(
        lambda: any(
            rule.get("labels", {}).get("namespace") == namespace
            for group in monitoring.prometheus.get("/api/v1/rules")["groups"]
            for rule in group["rules"]
        ),
        what=f"rules of {namespace} in Prometheus",
        within_seconds=MONITORING_SECONDS,
        every_seconds=1,
    )


def _of_pollwatch(monitoring: Monitoring) -> list[JsonObject]:
    """The rules that Grafana has on Pollwatch itself, each with its folder."""
    groups = monitoring.grafana.get("/api/prometheus/grafana/api/v1/rules")["data"]["groups"]
    return [
        {**rule, "folder": group["file"]}
        for group in groups
        for rule in group["rules"]
        if rule["labels"].get("alert", "").startswith("Pollwatch")
    ]


def _evaluations(monitoring: Monitoring, namespace: str) -> set[tuple[str, str]]:
    """The rules that Grafana has of a namespace, each with when it was last evaluated."""
    return {
        (rule["name"], rule["lastEvaluation"])
        for rule in monitoring.grafana.rules()
        if rule["labels"].get("namespace") == namespace
    }
