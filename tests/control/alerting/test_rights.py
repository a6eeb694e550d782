"""What Checks say of their alerts where the API server says no, and where nobody answers; in fake time."""

import asyncio

from structlog.testing import capture_logs

from pollwatch.control.alerting.apis import (
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
    PROMETHEUS_RULES,
    SERVICE_MONITORS,
)
from pollwatch.control.cluster import RefusedError, Resource
from tests.control.alerting.in_memory import InMemoryCluster
from tests.control.alerting.stage import LATER, SITES, SOON, Stage, play, with_settings
from tests.support.clock import FakeClock

FORBIDDEN = RefusedError(
    403,
    'prometheusrules.monitoring.coreos.com "pollwatch-checks" is forbidden: User "pollwatch" cannot patch'
    ' resource "prometheusrules" in API group "monitoring.coreos.com" in the namespace "public-sites"',
)
DENIED = RefusedError(422, 'admission webhook "rules.example.org" denied the request: no team')
NOT_OURS_TO_DELETE = RefusedError(
    403,
    '"pollwatch" is forbidden: User "pollwatch" cannot delete resource in the namespace "public-sites"',
)
OVER_QUOTA = RefusedError(
    403, "exceeded quota: objects, requested: count/prometheusrules=1, used: 9, limited: 9"
)


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
                assert len([path for path in cluster.writes if SITES in path]) <= 2 * 600 / 30

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


NOT_WANTED = with_settings(grafana_rules=False, monitors=False)


async def write_everything(clock: FakeClock, cluster: InMemoryCluster) -> None:
    """As an operator that was told to write all of it left it."""
    stage = Stage(clock, cluster)
    async with stage.leading():
        stage.check()
        await asyncio.sleep(SOON)


def test_what_may_not_be_taken_away_is_said_once_with_what_grants_it_and_goes_when_it_may() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        await write_everything(clock, cluster)
        cluster.refuse = lambda method, *_: NOT_OURS_TO_DELETE if method == "DELETE" else None
        stage = Stage(clock, cluster, settings=NOT_WANTED)
        with capture_logs() as logs:
            async with stage.leading():
                stage.check()
                await asyncio.sleep(600)
                assert stage.told() == ("Rendered", "In the PrometheusRules of the namespace.")
                warnings = [entry for entry in logs if entry["log_level"] == "warning"]
                # Two monitors, and the rules on Pollwatch itself with their folder.
                assert sorted(entry["event"] for entry in warnings) == [
                    "alert rules that are not wanted are still there",
                    *4 * ["an object about Pollwatch itself is not wanted, and still there"],
                ]
                for entry in warnings:
                    assert "kubectl apply -f manifests/rbac/alerts/ grants it" in entry["error"]
                # The folder is needed as long as there are rules in it.
                assert not [path for path in cluster.writes if f"{SITES}/grafanafolders" in path][1:]

                cluster.refuse = lambda *_: None
                await asyncio.sleep(LATER)
                for kind in (GRAFANA_RULE_GROUPS, GRAFANA_FOLDERS):
                    assert cluster.names(kind, SITES) == []
                assert cluster.names(SERVICE_MONITORS, "pollwatch-system") == []

    play(scene)


def test_that_nobody_may_look_for_what_is_not_wanted_is_said_once_with_what_grants_it() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        cluster.refuse = lambda _method, resource, _namespace: (
            FORBIDDEN if resource in (GRAFANA_RULE_GROUPS, SERVICE_MONITORS) else None
        )
        stage = Stage(clock, cluster, settings=NOT_WANTED)
        with capture_logs() as logs:
            async with stage.leading():
                stage.check()
                await asyncio.sleep(600)
        said = [
            entry for entry in logs if entry["event"] == "no right to take away what is not wanted any more"
        ]
        assert [entry["log_level"] for entry in said] == ["warning"]
        assert "kubectl apply -f manifests/rbac/alerts/ grants it" in said[0]["remedy"]
        assert len([entry for entry in logs if entry["event"] == "alert rules are rendered"]) == 1

    play(scene)


def test_where_nothing_is_written_a_missing_right_is_no_warning() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        cluster.refuse = lambda *_: FORBIDDEN
        settings = with_settings(prometheus_rules=False, grafana_rules=False, monitors=False)
        stage = Stage(clock, cluster, settings=settings)
        with capture_logs() as logs:
            async with stage.leading():
                stage.check()
                await asyncio.sleep(600)
        assert [entry for entry in logs if entry["log_level"] == "warning"] == []

    play(scene)


def test_rules_that_are_not_wanted_go_also_where_the_kind_that_is_wanted_is_unknown() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        await write_everything(clock, cluster)
        cluster.served.discard(PROMETHEUS_RULES)
        stage = Stage(clock, cluster, settings=NOT_WANTED)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(LATER)
            assert stage.told()[0] == "NoRuleApi"
            assert cluster.names(GRAFANA_RULE_GROUPS, SITES) == []
            assert cluster.names(GRAFANA_FOLDERS, SITES) == []

    play(scene)
