"""What users of Prometheus Operator and of grafana-operator see of Checks, on a real API server."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pollwatch.control.alerting.apis import (
    GRAFANA_DASHBOARDS,
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
    POD_MONITORS,
    PROMETHEUS_RULES,
    SERVICE_MONITORS,
)
from pollwatch.control.cluster import Resource
from pollwatch.control.owner import CLUSTER_ROLES
from tests.cluster.apiclient import documents_in
from tests.cluster.controlplane import ControlPlane
from tests.control.alerting.conftest import Objects, until
from tests.control.conftest import RBAC, Checks, StartOperator
from tests.control.operators import POLLWATCH
from tests.control.pool_stage import SYSTEM_NAMESPACE
from tests.support.sites import Site

BOARDS = {
    f"pollwatch-{path.stem}": path
    for path in (Path(__file__).parents[3] / "charts" / "pollwatch" / "dashboards").glob("*.json")
}

SELF = "pollwatch-self"
SELF_KINDS = (GRAFANA_FOLDERS, GRAFANA_RULE_GROUPS)
"""What holds the alerts on Pollwatch itself."""

QUICKSTART = RBAC.parent / "samples" / "quickstart"

pytestmark = pytest.mark.usefixtures("both_operators")


def test_a_check_has_alert_rules_in_prometheus_and_in_grafana(
    start: StartOperator, checks: Checks, objects: Objects, site: Site
) -> None:
    operator = start()
    checks.create("front-page", http={"url": site.url})

    rule = objects.wait(PROMETHEUS_RULES)
    assert [group["name"] for group in rule["spec"]["groups"]] == [f"{checks.namespace}/front-page"]
    assert "CheckDown" in {one["alert"] for one in rule["spec"]["groups"][0]["rules"]}
    assert objects.wait(GRAFANA_FOLDERS)["spec"]["title"] == f"Pollwatch: {checks.namespace}"
    group = objects.wait(GRAFANA_RULE_GROUPS)
    assert group["spec"]["folderRef"] == "pollwatch-checks"
    assert any("CheckDown" in one["title"] for one in group["spec"]["rules"])
    condition = checks.wait_reason("front-page", "AlertsRendered", "Rendered")
    assert condition["status"] == "True"
    assert condition["message"] == ("In the PrometheusRules and GrafanaAlertRuleGroups of the namespace.")
    assert not operator.series("pollwatch_operator_api_requests_total", 'code="403"')


def test_what_somebody_changes_in_our_rules_is_put_right_and_what_they_add_stays(
    start: StartOperator, checks: Checks, objects: Objects, site: Site
) -> None:
    operator = start()
    checks.create("front-page", http={"url": site.url})
    before = objects.wait(PROMETHEUS_RULES)["spec"]
    checks.wait_reason("front-page", "AlertsRendered", "Rendered")

    objects.change(PROMETHEUS_RULES, {"metadata": {"labels": {"release": "ours"}}})
    edited = [{**before["groups"][0], "rules": before["groups"][0]["rules"][:1]}]
    objects.change(PROMETHEUS_RULES, {"spec": {"groups": edited}})
    until(lambda: objects.get(PROMETHEUS_RULES)["spec"] == before, "the rules to be put right")
    assert objects.get(PROMETHEUS_RULES)["metadata"]["labels"]["release"] == "ours"
    until(lambda: operator.entries("somebody changed an object of ours; put right"), "the log to tell")

    objects.delete(PROMETHEUS_RULES)
    assert objects.wait(PROMETHEUS_RULES)["spec"] == before


def test_what_is_written_belongs_to_a_role_of_the_install_by_the_rights_of_the_install(
    cluster: ControlPlane, start: StartOperator, checks: Checks, objects: Objects, home: Objects, site: Site
) -> None:
    operator = start("--alert-owner=pollwatch-operator-alert-owner")
    checks.create("front-page", http={"url": site.url})
    checks.wait_reason("front-page", "AlertsRendered", "Rendered")
    home.wait(SERVICE_MONITORS, "pollwatch")
    for name in BOARDS:
        home.wait(GRAFANA_DASHBOARDS, name)
    role = cluster.admin.get(CLUSTER_ROLES.path(None, "pollwatch-operator-alert-owner"))
    owner = {
        "apiVersion": role["apiVersion"],
        "kind": role["kind"],
        "name": role["metadata"]["name"],
        "uid": role["metadata"]["uid"],
    }

    def owners(resource: Resource) -> list[dict[str, str]]:
        found: list[dict[str, str]] = objects.get(resource)["metadata"].get("ownerReferences", [])
        return found

    kinds = (PROMETHEUS_RULES, GRAFANA_FOLDERS, GRAFANA_RULE_GROUPS)
    assert [owners(kind) for kind in kinds] == [[owner]] * 3
    until(
        lambda: home.get(SERVICE_MONITORS, "pollwatch")["metadata"].get("ownerReferences") == [owner],
        "the monitor to have the owner",
    )
    until(
        lambda: (
            [home.get(GRAFANA_DASHBOARDS, name)["metadata"].get("ownerReferences") for name in BOARDS]
            == [[owner]] * len(BOARDS)
        ),
        "the dashboards to have the owner",
    )
    for kind in kinds:
        objects.change(kind, {"metadata": {"ownerReferences": None}})
    until(lambda: [owners(kind) for kind in kinds] == [[owner]] * 3, "the owners to be put back")
    assert not operator.series("pollwatch_operator_api_requests_total", 'code="403"')


def test_rules_go_with_the_last_check_that_has_alerts(
    start: StartOperator, checks: Checks, objects: Objects, site: Site
) -> None:
    start()
    for name in ("front-page", "search"):
        checks.create(name, http={"url": site.url})
    until(lambda: len(objects.groups()) == 2, "both to have rules")

    checks.delete("search")
    until(lambda: objects.groups() == [f"{checks.namespace}/front-page"], "the rules of one to go")
    checks.change("front-page", alert={"enabled": False})
    for resource in (PROMETHEUS_RULES, GRAFANA_RULE_GROUPS, GRAFANA_FOLDERS):
        objects.wait_gone(resource)
    checks.wait_reason("front-page", "AlertsRendered", "Disabled")

    checks.change("front-page", alert={"enabled": True})
    objects.wait(PROMETHEUS_RULES)
    checks.delete("front-page")
    objects.wait_gone(PROMETHEUS_RULES)


def test_rules_that_are_not_wanted_any_more_are_taken_away(
    start: StartOperator, checks: Checks, objects: Objects, site: Site
) -> None:
    first = start()
    checks.create("front-page", http={"url": site.url})
    checks.wait_reason("front-page", "AlertsRendered", "Rendered")
    first.stop()

    second = start("--grafana-rules=never")
    objects.wait_gone(GRAFANA_RULE_GROUPS)
    objects.wait_gone(GRAFANA_FOLDERS)
    until(
        lambda: (
            checks.condition("front-page", "AlertsRendered")["message"]
            == "In the PrometheusRules of the namespace."
        ),
        "the condition to tell where the rules are now",
    )
    second.stop()

    start("--grafana-rules=never", "--prometheus-rules=never")
    objects.wait_gone(PROMETHEUS_RULES)
    until(lambda: not checks.condition("front-page", "AlertsRendered"), "nothing to be said of alerts")


def test_a_restart_writes_nothing_that_is_as_it_should_be(
    start: StartOperator, checks: Checks, objects: Objects, home: Objects, site: Site
) -> None:
    first = start()
    checks.create("front-page", http={"url": site.url})
    checks.wait_reason("front-page", "AlertsRendered", "Rendered")
    home.wait(GRAFANA_RULE_GROUPS, SELF)
    first.stop()
    before = [objects.get(kind) for kind in (PROMETHEUS_RULES, GRAFANA_FOLDERS, GRAFANA_RULE_GROUPS)]

    second = start()
    until(
        lambda: second.series("pollwatch_operator_alert_rules")["pollwatch_operator_alert_rules"] > 0,
        "rules to be rendered",
    )
    assert not second.series("pollwatch_operator_alert_writes_total", 'kind="PrometheusRule"')
    assert not second.series("pollwatch_operator_alert_writes_total", 'kind="GrafanaAlertRuleGroup"')
    after = [objects.get(kind) for kind in (PROMETHEUS_RULES, GRAFANA_FOLDERS, GRAFANA_RULE_GROUPS)]
    assert after == before


def test_a_new_check_has_its_alerts_in_the_first_status_that_is_written(
    start: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start()
    for number in range(10):
        checks.create(f"page-{number}", http={"url": site.url})
    for number in range(10):
        checks.wait_reason(f"page-{number}", "AlertsRendered", "Rendered")
        checks.wait_verdict(f"page-{number}", "Up")
    written = operator.series("pollwatch_operator_status_writes_total", 'outcome="written"')
    assert sum(written.values()) == 10


def test_an_annotation_that_is_no_template_is_said_and_the_alerts_are_there_without_it(
    start: StartOperator, checks: Checks, objects: Objects, site: Site
) -> None:
    start()
    checks.create(
        "front-page",
        http={"url": site.url},
        alert={
            "annotations": {"summary": "{{ $labels.check | nonsense }}", "note": "call {{ $labels.team }}"}
        },
    )
    checks.create("search", http={"url": site.url})

    condition = checks.wait_reason("front-page", "AlertsRendered", "InvalidTemplate")
    assert condition["status"] == "False"
    assert condition["message"].startswith("spec.alert.annotations.summary: ")
    checks.wait_reason("search", "AlertsRendered", "Rendered")
    checks.wait_event("front-page", "InvalidTemplate")
    assert len(objects.groups()) == 2
    rules = objects.get(PROMETHEUS_RULES)["spec"]["groups"][0]["rules"]
    assert all(rule["annotations"]["note"] == "call {{ $labels.team }}" for rule in rules)
    assert "nonsense" not in str(rules)


def test_a_default_annotation_that_is_no_template_is_left_out_and_all_else_goes_on(
    start: StartOperator, checks: Checks, objects: Objects, site: Site
) -> None:
    operator = start(
        "--alert-annotation=desk={{ toUppr $labels.team }}", "--alert-annotation=note=call {{ $labels.team }}"
    )
    checks.create("front-page", http={"url": site.url})

    checks.wait_reason("front-page", "AlertsRendered", "Rendered")
    checks.wait_verdict("front-page", "Up")
    (group,) = objects.get(PROMETHEUS_RULES)["spec"]["groups"]
    assert all(rule["annotations"]["note"] == "call {{ $labels.team }}" for rule in group["rules"])
    assert not any("desk" in rule["annotations"] for rule in group["rules"])
    assert len(operator.entries("an annotation for all alerts is left out")) == 1


def test_pollwatch_is_scraped_by_way_of_a_service_monitor_that_goes_when_it_is_not_wanted(
    start: StartOperator, home: Objects
) -> None:
    first = start("--rule-label=release=kube-prometheus-stack")
    home.wait(SERVICE_MONITORS, "pollwatch")
    until(
        lambda: "release" in home.get(SERVICE_MONITORS, "pollwatch")["metadata"]["labels"],
        "the label by which a Prometheus selects",
    )
    monitor = home.get(SERVICE_MONITORS, "pollwatch")
    assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert monitor["spec"]["endpoints"][0]["honorLabels"] is True
    assert home.names(POD_MONITORS) == []
    first.stop()

    start("--monitors=never")
    home.wait_gone(SERVICE_MONITORS, "pollwatch")


def test_grafana_operator_has_the_dashboards_of_the_chart_until_they_are_not_wanted(
    start: StartOperator, home: Objects
) -> None:
    first = start("--grafana-instance-selector=team=sre")
    until(
        lambda: (
            [
                (home.get(GRAFANA_DASHBOARDS, name).get("spec") or {}).get("instanceSelector")
                for name in BOARDS
            ]
            == [{"matchLabels": {"team": "sre"}}] * len(BOARDS)
        ),
        "the dashboards",
    )
    for name, file in BOARDS.items():
        assert home.get(GRAFANA_DASHBOARDS, name)["spec"]["json"] == file.read_text(encoding="utf-8")
    assert not first.series("pollwatch_operator_api_requests_total", 'code="403"')
    first.stop()

    start("--dashboards=never")
    for name in BOARDS:
        home.wait_gone(GRAFANA_DASHBOARDS, name)


def test_grafana_operator_has_the_alerts_on_pollwatch_itself_that_pollwatch_rules_prints(
    start: StartOperator, home: Objects
) -> None:
    defaults = ("--alert-severity=page", "--alert-label=desk=night")
    command = (
        POLLWATCH,
        "rules",
        QUICKSTART,
        "--self",
        "--output=grafana",
        "--data-source=thanos",
        *defaults,
    )
    printed = subprocess.run(command, check=True, capture_output=True, text=True)
    operator = start("--grafana-datasource=thanos", *defaults)
    (group,) = (one for one in yaml.safe_load(printed.stdout)["groups"] if one["name"] == "pollwatch")

    def written() -> list[dict[str, Any]]:
        rules: list[dict[str, Any]] = home.wait(GRAFANA_RULE_GROUPS, SELF)["spec"]["rules"]
        return without_names(rules)

    until(lambda: written() == without_names(group["rules"]), "the rules")
    rules = home.wait(GRAFANA_RULE_GROUPS, SELF)["spec"]
    assert rules["interval"] == group["interval"]
    assert f"PollwatchGone {SYSTEM_NAMESPACE}" in {rule["title"] for rule in rules["rules"]}
    assert rules["folderRef"] == SELF
    folder = home.wait(GRAFANA_FOLDERS, SELF)
    assert folder["spec"]["title"] == f"Pollwatch itself: {SYSTEM_NAMESPACE}"
    assert not operator.series("pollwatch_operator_api_requests_total", 'code="403"')


def without_names(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rules but for what tells them from others in Grafana."""
    return [{field: rule[field] for field in rule if field not in ("uid", "title")} for rule in rules]


def test_alerts_on_pollwatch_itself_are_put_right_and_taken_away_and_those_of_checks_stay_as_they_are(
    start: StartOperator, checks: Checks, objects: Objects, home: Objects, site: Site
) -> None:
    first = start()
    checks.create("front-page", http={"url": site.url})
    checks.wait_reason("front-page", "AlertsRendered", "Rendered")
    home.wait(GRAFANA_RULE_GROUPS, SELF)
    of_check = [objects.get(kind) for kind in SELF_KINDS]
    rules = home.get(GRAFANA_RULE_GROUPS, SELF)["spec"]["rules"]

    home.change(GRAFANA_RULE_GROUPS, {"spec": {"rules": rules[1:]}}, SELF)
    home.change(GRAFANA_FOLDERS, {"spec": {"title": "Something else"}}, SELF)
    until(lambda: home.get(GRAFANA_RULE_GROUPS, SELF)["spec"]["rules"] == rules, "the rules to be put right")
    until(
        lambda: home.get(GRAFANA_FOLDERS, SELF)["spec"]["title"].startswith("Pollwatch itself"),
        "the title to be put right",
    )
    for kind in SELF_KINDS:
        home.delete(kind, SELF)
    for kind in SELF_KINDS:
        home.wait(kind, SELF)
    assert [objects.get(kind) for kind in SELF_KINDS] == of_check
    assert checks.condition("front-page", "AlertsRendered")["reason"] == "Rendered"
    first.stop()

    start("--grafana-rules=never")
    for kind in SELF_KINDS:
        home.wait_gone(kind, SELF)
    assert home.names(SERVICE_MONITORS) == ["pollwatch"]


def test_alerts_on_pollwatch_itself_go_without_those_of_checks_in_its_namespace_and_the_other_way_round(
    cluster: ControlPlane, start: StartOperator, home: Objects, site: Site
) -> None:
    start(f"--namespace={SYSTEM_NAMESPACE}")
    checks = Checks(cluster, SYSTEM_NAMESPACE)
    checks.create("front-page", http={"url": site.url})
    checks.wait_reason("front-page", "AlertsRendered", "Rendered")
    for kind in SELF_KINDS:
        home.wait(kind, SELF)
    before = [home.get(kind, SELF) for kind in SELF_KINDS]

    checks.delete("front-page")
    for kind in SELF_KINDS:
        home.wait_gone(kind)
    assert [home.get(kind, SELF) for kind in SELF_KINDS] == before


@pytest.fixture
def _few_namespaces(cluster: ControlPlane, namespace: str) -> Iterator[None]:
    """Alert rules may be written in the test's namespace, and in no other one by that right."""
    (binding, *_) = documents_in(RBAC / "alerts" / "cluster-role-binding.yaml")
    cluster.admin.delete(cluster.admin.path_of(binding))
    cluster.admin.apply(documents_in(RBAC / "namespaced" / "alerts.yaml"), namespace=namespace)
    yield
    cluster.admin.apply([binding])


@pytest.mark.usefixtures("_few_namespaces")
def test_an_operator_of_a_few_namespaces_may_keep_the_alerts_on_itself_where_it_is(
    start: StartOperator, checks: Checks, home: Objects, site: Site
) -> None:
    for kind in SELF_KINDS:
        if home.get(kind, SELF):
            home.delete(kind, SELF)
    operator = start()
    checks.create("front-page", http={"url": site.url})
    checks.wait_reason("front-page", "AlertsRendered", "Rendered")

    for kind in SELF_KINDS:
        home.wait(kind, SELF)
    assert not operator.series("pollwatch_operator_api_requests_total", 'code="403"')


def test_what_grafana_operator_cannot_bring_to_grafana_of_pollwatch_itself_is_in_the_log_until_it_can(
    start: StartOperator, home: Objects
) -> None:
    operator = start()
    conditions = {
        (GRAFANA_DASHBOARDS, "pollwatch-overview"): "DashboardSynchronized",
        (GRAFANA_FOLDERS, SELF): "FolderSynchronized",
        (GRAFANA_RULE_GROUPS, SELF): "AlertGroupSynchronized",
    }

    def told(event: str, status: str, message: str) -> dict[str, str]:
        """Say it of all three, as grafana-operator would; return what the log has of each."""
        for (kind, name), condition in conditions.items():
            said = {
                "type": condition,
                "status": status,
                "reason": "Said",
                "message": message,
                "lastTransitionTime": "2016-11-08T20:00:00Z",
                # The operator may just have written another spec.
                "observedGeneration": home.wait(kind, name)["metadata"]["generation"],
            }
            home.write_status(kind, {"conditions": [said]}, name)
        return {entry["object"]: entry.get("error", "") for entry in operator.entries(event)}

    refused, well = (
        f"an object about Pollwatch itself is {how}" for how in ("not in force", "in force again")
    )
    errors = "Errors:\n- grafana: [403] folders:write"
    until(lambda: len(told(refused, "False", errors)) == 3, "the log to tell what Grafana said")
    until(lambda: len(told(well, "True", "applied")) == 3, "the log to tell that all is well")

    objects = [f"{kind.kind} {name}" for kind, name in conditions]
    entries = operator.entries(refused)
    assert sorted((one["object"], one["error"]) for one in entries) == sorted(
        (one, "Errors: - grafana: [403] folders:write") for one in objects
    )
