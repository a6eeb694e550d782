"""What becomes of alert rules when things change, and when somebody says no; in fake time."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from structlog.testing import capture_logs

from pollwatch.api.alert import AlertSpec
from pollwatch.control.alerting.apis import (
    GRAFANA_DASHBOARDS,
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
    POD_MONITORS,
    PROMETHEUS_RULES,
    SERVICE_MONITORS,
)
from pollwatch.control.alerting.layout import MOST_BYTES
from pollwatch.control.alerting.outcomes import Silence
from pollwatch.control.cluster import RefusedError, Resource
from tests.control.alerting.in_memory import InMemoryCluster
from tests.control.alerting.stage import SITES, Stage, play, with_settings
from tests.support.clock import FakeClock

SOON, LATER = 5.0, 60.0

FORBIDDEN = RefusedError(
    403,
    'prometheusrules.monitoring.coreos.com "pollwatch-checks" is forbidden: User "pollwatch" cannot patch'
    ' resource "prometheusrules" in API group "monitoring.coreos.com" in the namespace "public-sites"',
)
DENIED = RefusedError(422, 'admission webhook "rules.example.org" denied the request: no team')
OVER_QUOTA = RefusedError(
    403, "exceeded quota: objects, requested: count/prometheusrules=1, used: 9, limited: 9"
)


def condition(kind: str, status: str, message: str, *, generation: int = 1) -> Mapping[str, Any]:
    """A condition as grafana-operator writes it."""
    return {
        "type": kind,
        "status": status,
        "message": message,
        "observedGeneration": generation,
        "reason": "R",
    }


def groups(cluster: InMemoryCluster, namespace: str) -> list[list[str]]:
    """The Checks in each PrometheusRule of a namespace."""
    return [
        [
            group["name"].removeprefix(f"{namespace}/")
            for group in cluster.get_object(PROMETHEUS_RULES, namespace, name)["spec"]["groups"]
        ]
        for name in cluster.names(PROMETHEUS_RULES, namespace)
    ]


def test_a_rush_of_changes_in_a_namespace_is_one_write() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)
        async with stage.leading():
            for number in range(5):
                for name in ("front-page", "search", "login"):
                    stage.check(name, labels={"try": str(number)})
                await asyncio.sleep(0.01)
            await asyncio.sleep(SOON)
            written = [path for path in cluster.writes if "prometheusrules" in path]
            assert len(written) == 1
            assert groups(cluster, SITES) == [["front-page", "login", "search"]]
            stage.check("search", labels={"try": "again"})
            await asyncio.sleep(SOON)
            assert len([path for path in cluster.writes if "prometheusrules" in path]) == 2

    play(scene)


def test_an_hour_in_which_nothing_changes_is_an_hour_without_a_write() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)
        async with stage.leading():
            for number in range(20):
                stage.check("front-page", namespace=f"team-{number}")
            await asyncio.sleep(LATER)
            cluster.asked.clear()
            await asyncio.sleep(3600)
            assert cluster.writes == []
            # Two discoveries and five lists each 15 s.
            assert len(cluster.asked) <= 3600 / 15 * 7 + 7

    play(scene)


def test_an_edit_that_does_not_concern_alerts_writes_nothing() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check(timeoutSeconds=5)
            await asyncio.sleep(SOON)
            cluster.asked.clear()
            stage.check(timeoutSeconds=6)
            await asyncio.sleep(SOON)
            assert cluster.writes == []
            assert stage.told()[0] == "Rendered"

    play(scene)


def test_the_next_leader_writes_nothing_that_is_as_it_should_be() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        for number in range(3):
            stage = Stage(clock, cluster)
            stage.check()
            cluster.asked.clear()
            async with stage.leading():
                await asyncio.sleep(LATER)
                assert stage.told()[0] == "Rendered"
            assert bool(cluster.writes) is (number == 0)

    play(scene)


def test_the_next_leader_takes_away_what_was_deleted_while_nobody_led() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        first = Stage(clock, cluster)
        async with first.leading():
            first.check(namespace="team-a")
            first.check(namespace="team-b")
            await asyncio.sleep(SOON)
        second = Stage(clock, cluster)
        second.check(namespace="team-b")
        second.known.clear()
        async with second.leading():
            await asyncio.sleep(LATER)
            # It does not know yet that there is no Check.
            assert cluster.names(PROMETHEUS_RULES, "team-a") == ["pollwatch-checks"]
            second.known.set()
            await asyncio.sleep(SOON)
            assert cluster.names(PROMETHEUS_RULES, "team-a") == []
            assert cluster.names(GRAFANA_FOLDERS, "team-a") == []
            assert cluster.names(PROMETHEUS_RULES, "team-b") == ["pollwatch-checks"]

    play(scene)


def test_who_may_not_lead_any_more_writes_nothing() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)
        stage.leads = False
        async with stage.leading():
            stage.check()
            await asyncio.sleep(LATER)
            assert cluster.objects == {}
            assert stage.outcome() is Silence.KEEP

    play(scene)


def test_a_right_that_is_missing_is_said_with_what_grants_it_until_it_is_there() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        def refuse(method: str, resource: Resource, namespace: str) -> RefusedError | None:
            bad = method == "PATCH" and resource == PROMETHEUS_RULES and namespace == SITES
            return FORBIDDEN if bad else None

        cluster.refuse = refuse
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check()
            stage.check(namespace="team-b")
            await asyncio.sleep(SOON)
            reason, message = stage.told()
            assert reason == "Refused"
            assert message.startswith("PrometheusRule pollwatch-checks: HTTP 403: ")
            assert "kubectl apply -f manifests/rbac/alerts/ grants it" in message
            assert message.endswith("In force are the GrafanaAlertRuleGroups.")
            assert stage.told(namespace="team-b")[0] == "Rendered"
            cluster.refuse = lambda *_: None
            await asyncio.sleep(LATER)
            assert stage.told()[0] == "Rendered"

    play(scene)


def test_what_a_webhook_or_a_quota_refuses_is_said_in_its_words_and_not_tried_all_the_time() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        for refusal in (DENIED, OVER_QUOTA):
            cluster.refuse = lambda method, *_, said=refusal: said if method == "PATCH" else None
            stage = Stage(clock, cluster, settings=with_settings(monitors=False))
            async with stage.leading():
                stage.check()
                await asyncio.sleep(SOON)
                reason, message = stage.told()
                assert reason == "Refused"
                assert str(refusal) in message
                assert "manifests/rbac" not in message
                cluster.asked.clear()
                await asyncio.sleep(600)
                assert len(cluster.writes) <= 2 * 600 / 30

    play(scene)


def test_without_the_right_to_look_checks_say_so_and_nothing_is_written_blindly() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        cluster.refuse = lambda _method, resource, _namespace: (
            FORBIDDEN if resource == PROMETHEUS_RULES else None
        )
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(LATER)
            reason, message = stage.told()
            assert (reason, message.startswith("PrometheusRule: HTTP 403")) == ("Refused", True)
            assert not [path for path in cluster.writes if "prometheusrules" in path]
            cluster.refuse = lambda *_: None
            await asyncio.sleep(LATER)
            assert stage.told()[0] == "Rendered"

    play(scene)


def test_what_grafana_refuses_for_long_is_said_and_what_it_refuses_for_a_moment_is_not() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(SOON)
            stage.offered.clear()
            failed = condition(
                "AlertGroupSynchronized",
                "False",
                "Alert Rule Group failed to be applied for 1 out of 1 instances. Errors:\n- grafana: [403]"
                " You'll need additional permissions to perform this action: folders:write",
            )
            cluster.tell(GRAFANA_RULE_GROUPS, SITES, failed)
            await asyncio.sleep(16)
            cluster.tell(GRAFANA_RULE_GROUPS, SITES, condition("AlertGroupSynchronized", "True", "fine"))
            await asyncio.sleep(LATER)
            assert (stage.told()[0], stage.offered) == ("Rendered", [])

            cluster.tell(GRAFANA_RULE_GROUPS, SITES, failed)
            await asyncio.sleep(LATER)
            reason, message = stage.told()
            assert reason == "Refused"
            assert "folders:write" in message
            assert "\n" not in message
            assert message.endswith("In force are the PrometheusRules.")
            cluster.tell(GRAFANA_RULE_GROUPS, SITES, condition("AlertGroupSynchronized", "True", "fine"))
            await asyncio.sleep(LATER)
            assert stage.told()[0] == "Rendered"

    play(scene)


def test_a_folder_without_rights_is_said_on_every_check_of_the_namespace() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check("front-page")
            stage.check("search")
            await asyncio.sleep(SOON)
            cluster.tell(GRAFANA_FOLDERS, SITES, condition("FolderSynchronized", "False", "no rights to it"))
            await asyncio.sleep(LATER)
            for name in ("front-page", "search"):
                assert "no rights to it" in stage.told(name)[1]

    play(scene)


def test_rules_that_wait_for_a_grafana_are_in_force_as_far_as_prometheus_has_them() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        waiting = condition("NoMatchingInstance", "True", "None of the available Grafana instances matched")
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(SOON)
            cluster.tell(GRAFANA_RULE_GROUPS, SITES, waiting)
            await asyncio.sleep(LATER)
            reason, message = stage.told()
            assert reason == "Rendered"
            assert message == (
                "In the PrometheusRules of the namespace. Waiting: GrafanaAlertRuleGroup: None of the"
                " available Grafana instances matched."
            )
            cluster.served.discard(PROMETHEUS_RULES)
            await asyncio.sleep(LATER)
            assert stage.told()[0] == "Refused"

    play(scene)


def test_a_field_that_cannot_be_changed_has_the_object_made_anew() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        first = Stage(clock, cluster)
        first.check()
        async with first.leading():
            await asyncio.sleep(SOON)
        for resource in (GRAFANA_FOLDERS, GRAFANA_RULE_GROUPS):
            cluster.get_object(resource, SITES)["metadata"]["finalizers"] = ["operator.grafana.com/finalizer"]

        second = Stage(clock, cluster, settings=with_settings(grafana_instances={"team": "web"}))
        second.check()
        async with second.leading():
            await asyncio.sleep(SOON)
            for resource in (GRAFANA_FOLDERS, GRAFANA_RULE_GROUPS):
                assert "deletionTimestamp" in cluster.get_object(resource, SITES)["metadata"]
                cluster.let_go(resource, SITES)
            await asyncio.sleep(LATER)
            for resource in (GRAFANA_FOLDERS, GRAFANA_RULE_GROUPS):
                spec = cluster.get_object(resource, SITES)["spec"]
                assert spec["instanceSelector"] == {"matchLabels": {"team": "web"}}
            assert second.told()[0] == "Rendered"

    play(scene)


def test_a_change_of_one_check_of_many_rewrites_one_object() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)
        names = [f"page-{number}" for number in range(300)]
        for name in names:
            stage.check(name)
        async with stage.leading():
            await asyncio.sleep(LATER)
            objects = groups(cluster, SITES)
            assert sorted(name for one in objects for name in one) == sorted(names)
            assert len(objects) > 8
            assert all(len(json.dumps(held)) <= MOST_BYTES for held in cluster.objects.values())
            cluster.asked.clear()
            stage.check("page-7", labels={"team": "web"})
            await asyncio.sleep(SOON)
            assert len([path for path in cluster.writes if "prometheusrules" in path]) == 1
            assert len([path for path in cluster.writes if "grafana" in path]) == 1
            for name in names[20:]:
                stage.forget(name)
            await asyncio.sleep(LATER)
            assert sorted(name for one in groups(cluster, SITES) for name in one) == sorted(names[:20])

    play(scene)


def test_checks_that_say_much_are_spread_over_more_objects() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)
        much = {f"note_{number}": "x" * 1024 for number in range(10)}
        for number in range(12):
            stage.check(f"page-{number}", alert={"annotations": much})
        async with stage.leading():
            await asyncio.sleep(LATER)
            assert sum(map(len, groups(cluster, SITES))) == 12
            assert len(groups(cluster, SITES)) > 1
            assert all(len(json.dumps(held)) <= MOST_BYTES for held in cluster.objects.values())
            assert {stage.told(f"page-{number}")[0] for number in range(12)} == {"Rendered"}

    play(scene)


def test_what_a_pool_says_of_alerts_holds_for_its_checks_and_is_named_when_it_is_wrong() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(SOON)
            stage.pool = AlertSpec.model_validate(
                {"labels": {"team": "ops"}, "annotations": {"note": "{{ $nonsense }}"}}
            )
            stage.alerting.changed(next(iter(stage.store.checks)))
            await asyncio.sleep(SOON)
            (group,) = cluster.get_object(PROMETHEUS_RULES, SITES)["spec"]["groups"]
            assert {rule["labels"]["team"] for rule in group["rules"]} == {"ops"}
            reason, message = stage.told()
            assert reason == "InvalidTemplate"
            assert message.startswith("ProbePool: spec.alert.annotations.note: ")

    play(scene)


def test_a_check_that_is_suspended_disabled_or_cannot_be_read_has_no_rules_and_says_why() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check("suspended", suspend=True)
            stage.check("disabled", alert={"enabled": False})
            stage.check("unreadable", periodSeconds=-1)
            await asyncio.sleep(SOON)
            assert cluster.names(PROMETHEUS_RULES, SITES) == []
            assert stage.told("suspended")[0] == "Suspended"
            assert stage.told("disabled")[0] == "Disabled"
            assert stage.told("unreadable")[0] == "InvalidSpec"

    play(scene)


def test_the_first_status_of_a_check_waits_for_its_alerts_and_not_for_long() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)
        async with stage.leading():
            await asyncio.sleep(SOON)
            stage.check()
            assert stage.outcome() is Silence.WAIT
            await asyncio.sleep(1)
            assert stage.told()[0] == "Rendered"
            assert stage.offered
            cluster.refuse = lambda method, *_: RefusedError(503, "later") if method != "GET" else None
            stage.check("search")
            await asyncio.sleep(SOON)
            assert stage.outcome("search") is Silence.KEEP
            assert stage.offered[-1].name == "search"

    play(scene)


def test_where_many_checks_are_new_their_first_status_tells_what_is_foreseen_and_is_not_written_twice() -> (
    None
):
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        cluster.delay = 0.2
        stage = Stage(clock, cluster)
        async with stage.leading():
            await asyncio.sleep(SOON)
            for number in range(200):
                stage.check(namespace=f"team-{number}")
            stage.check("odd", namespace="team-7", alert={"annotations": {"note": "{{ $nonsense }}"}})
            await asyncio.sleep(SOON)
            assert sum(kind == PROMETHEUS_RULES for kind, _, _ in cluster.objects) < 100
            assert {stage.told(namespace=f"team-{number}")[0] for number in range(200)} == {"Rendered"}
            assert stage.told("odd", namespace="team-7")[0] == "InvalidTemplate"
            stage.offered.clear()
            await asyncio.sleep(10 * LATER)
            assert sum(kind == PROMETHEUS_RULES for kind, _, _ in cluster.objects) == 200
            assert stage.offered == []

    play(scene)


def test_monitors_are_kept_and_those_of_workers_only_where_there_are_workers() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster, settings=with_settings(object_labels={"release": "stack"}))
        async with stage.leading():
            await asyncio.sleep(SOON)
            workers = cluster.get_object(POD_MONITORS, "pollwatch-system", "pollwatch-workers")
            assert workers["metadata"]["labels"]["release"] == "stack"
            assert workers["spec"]["podMetricsEndpoints"][0]["honorLabels"] is True
            operator = cluster.get_object(SERVICE_MONITORS, "pollwatch-system", "pollwatch")
            assert operator["spec"]["endpoints"][0]["port"] == "metrics"
        embedded = Stage(clock, cluster, settings=with_settings(monitors=False))
        async with embedded.leading():
            await asyncio.sleep(SOON)
            assert cluster.objects == {}

    play(scene)


def test_dashboards_are_kept_where_grafana_operator_is_and_go_when_they_are_not_wanted() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        wanted = {"dashboards": True, "dashboard_folder": "Probes", "grafana_instances": {"team": "sre"}}
        stage = Stage(clock, cluster, settings=with_settings(**wanted))
        cluster.served.remove(GRAFANA_DASHBOARDS)
        async with stage.leading():
            await asyncio.sleep(SOON)
            assert cluster.names(GRAFANA_DASHBOARDS, "pollwatch-system") == []
            cluster.served.add(GRAFANA_DASHBOARDS)
            await asyncio.sleep(2 * LATER)
            names = cluster.names(GRAFANA_DASHBOARDS, "pollwatch-system")
            assert names == ["pollwatch-check", "pollwatch-overview", "pollwatch-self"]
            for name in names:
                spec = cluster.get_object(GRAFANA_DASHBOARDS, "pollwatch-system", name)["spec"]
                assert json.loads(spec["json"])["uid"] == name
                assert (spec["folder"], spec["instanceSelector"]) == (
                    "Probes",
                    {"matchLabels": {"team": "sre"}},
                )
            written = len(cluster.writes)
            await asyncio.sleep(2 * LATER)
            assert len(cluster.writes) == written
        without = Stage(clock, cluster, settings=with_settings(dashboards=False))
        async with without.leading():
            await asyncio.sleep(SOON)
            assert cluster.names(GRAFANA_DASHBOARDS, "pollwatch-system") == []

    play(scene)


def test_that_alerts_are_raised_twice_is_told_once_with_what_ends_it() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        async with Stage(clock, cluster).leading():
            await asyncio.sleep(2 * LATER)
        async with Stage(clock, cluster, settings=with_settings(grafana_rules=False)).leading():
            await asyncio.sleep(2 * LATER)

    with capture_logs() as logs:
        play(scene)
    (told,) = (entry for entry in logs if entry["event"].startswith("each alert is raised twice"))
    assert told["remedy"].startswith("--grafana-rules=never or --prometheus-rules=never")


def test_kinds_that_are_not_wanted_are_not_looked_for_once_nothing_is_in_them() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        settings = with_settings(grafana_rules=False, prometheus_rules=False, monitors=False)
        stage = Stage(clock, cluster, settings=settings)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(LATER)
            assert stage.outcome() is Silence.OFF
            cluster.asked.clear()
            await asyncio.sleep(LATER)
            assert cluster.asked == []

    play(scene)


def test_an_operator_of_some_namespaces_looks_only_there() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        def refuse(_method: str, _resource: Resource, namespace: str) -> RefusedError | None:
            return None if namespace in (SITES, "pollwatch-system") else FORBIDDEN

        cluster.refuse = refuse
        stage = Stage(clock, cluster, scopes=(SITES,))
        async with stage.leading():
            stage.check()
            await asyncio.sleep(SOON)
            assert stage.told()[0] == "Rendered"

    play(scene)


def test_an_object_that_somebody_else_has_made_is_left_alone_until_it_is_gone() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        theirs = {
            "metadata": {
                "name": "pollwatch-checks",
                "namespace": SITES,
                "uid": "theirs",
                "generation": 1,
                "resourceVersion": "1",
            },
            "spec": {"groups": []},
        }
        cluster.objects[PROMETHEUS_RULES, SITES, "pollwatch-checks"] = theirs
        # Lists are by label, and it has none.
        cluster.hidden.add((PROMETHEUS_RULES, SITES, "pollwatch-checks"))
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(SOON)
            reason, message = stage.told()
            assert reason == "Refused"
            assert "PrometheusRule pollwatch-checks: there is one that Pollwatch has not made" in message
            assert cluster.get_object(PROMETHEUS_RULES, SITES) == theirs
            cluster.hidden.clear()
            cluster.let_go(PROMETHEUS_RULES, SITES)
            await asyncio.sleep(LATER)
            assert stage.told()[0] == "Rendered"

    play(scene)


def test_an_object_of_ours_whose_labels_were_taken_away_gets_them_back() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(SOON)
            cluster.get_object(PROMETHEUS_RULES, SITES)["metadata"]["labels"] = {}
            cluster.hidden.add((PROMETHEUS_RULES, SITES, "pollwatch-checks"))
            await asyncio.sleep(LATER)
            labels = cluster.get_object(PROMETHEUS_RULES, SITES)["metadata"]["labels"]
            assert labels["app.kubernetes.io/managed-by"] == "pollwatch"

    play(scene)


def test_a_webhook_that_nobody_answers_is_said_although_the_server_calls_it_its_own_error() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        broken = RefusedError(500, 'Internal error occurred: failed calling webhook "rules.example.org"')
        cluster.refuse = lambda method, resource, _namespace: (
            broken if method == "PATCH" and resource == PROMETHEUS_RULES else None
        )
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(SOON)
            reason, message = stage.told()
            assert reason == "Refused"
            assert "failed calling webhook" in message
            assert cluster.names(GRAFANA_RULE_GROUPS, SITES) == ["pollwatch-checks"]

    play(scene)


def test_where_one_kind_cannot_be_listed_for_now_rules_go_to_the_other() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        cluster.refuse = lambda method, resource, _namespace: (
            RefusedError(500, "conversion webhook failed")
            if method == "GET" and resource == GRAFANA_RULE_GROUPS
            else None
        )
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(SOON)
            assert stage.told() == ("Rendered", "In the PrometheusRules of the namespace.")
            cluster.refuse = lambda *_: None
            await asyncio.sleep(LATER)
            assert stage.told()[1].endswith("and GrafanaAlertRuleGroups of the namespace.")

    play(scene)


def test_a_label_of_somebody_else_stays_and_ours_that_is_not_wanted_any_more_goes() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        first = Stage(clock, cluster)
        first.check()
        async with first.leading():
            await asyncio.sleep(SOON)
            cluster.label(PROMETHEUS_RULES, SITES, release="theirs")
            cluster.asked.clear()
            await asyncio.sleep(LATER)
            assert cluster.writes == []
            assert cluster.get_object(PROMETHEUS_RULES, SITES)["metadata"]["labels"]["release"] == "theirs"
        second = Stage(clock, cluster, settings=with_settings(object_labels={"prometheus": "main"}))
        second.check()
        cluster.asked.clear()
        async with second.leading():
            await asyncio.sleep(SOON)
            assert len([path for path in cluster.writes if "prometheusrules" in path]) == 1

    play(scene)


def test_checks_are_counted_by_what_became_of_their_rules() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster)

        def count(reason: str) -> float:
            name = "pollwatch_operator_alert_checks"
            return stage.metrics.registry.get_sample_value(name, {"reason": reason}) or 0.0

        async with stage.leading():
            stage.check("front-page")
            stage.check("search")
            stage.check("login", suspend=True)
            await asyncio.sleep(SOON)
            assert (count("Rendered"), count("Suspended")) == (2, 1)
            assert stage.metrics.registry.get_sample_value("pollwatch_operator_alert_rules") == 12
            stage.forget("search")
            stage.check("login", suspend=False)
            await asyncio.sleep(SOON)
            assert (count("Rendered"), count("Suspended")) == (2, 0)
            for name in ("front-page", "login"):
                stage.forget(name)
            await asyncio.sleep(LATER)
            assert count("Rendered") == 0
            assert stage.metrics.registry.get_sample_value("pollwatch_operator_alert_rules") == 0

    play(scene)
