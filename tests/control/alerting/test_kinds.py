"""Which kinds of objects there are, for rules, scraping and dashboards, and where; in fake time."""

import asyncio
import itertools
import json

from structlog.testing import capture_logs

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.control.alerting.apis import (
    GRAFANA_DASHBOARDS,
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
    POD_MONITORS,
    SERVICE_MONITORS,
)
from pollwatch.control.alerting.monitors import Home
from pollwatch.control.alerting.outcomes import Silence
from pollwatch.control.cluster import RefusedError, Resource
from tests.control.alerting.in_memory import InMemoryCluster
from tests.control.alerting.stage import LATER, SETTINGS, SITES, SOON, Stage, play, with_settings
from tests.support.clock import FakeClock

FORBIDDEN = RefusedError(
    403,
    'prometheusrules.monitoring.coreos.com "pollwatch-checks" is forbidden: User "pollwatch" cannot patch'
    ' resource "prometheusrules" in API group "monitoring.coreos.com" in the namespace "public-sites"',
)

IN_GRAFANA = (GRAFANA_FOLDERS, GRAFANA_RULE_GROUPS)


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
            assert cluster.names(POD_MONITORS, "pollwatch-system") == []
            assert cluster.names(SERVICE_MONITORS, "pollwatch-system") == []

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


def test_what_is_for_grafana_operator_is_written_one_after_the_other_and_not_in_a_rush() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        stage = Stage(clock, cluster, settings=with_settings(dashboards=True))
        async with stage.leading():
            written: list[float] = []
            while len(written) < 5:
                await asyncio.sleep(0.1)
                made = sum(
                    len(cluster.names(kind, "pollwatch-system")) for kind in (GRAFANA_DASHBOARDS, *IN_GRAFANA)
                )
                written += [clock.monotonic()] * (made - len(written))
            assert all(later - earlier > 0.8 for earlier, later in itertools.pairwise(written))

    play(scene)


def test_alerts_on_pollwatch_itself_are_in_grafana_in_a_folder_of_their_own_until_no_rules_are_wanted() -> (
    None
):
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        home, selector = SETTINGS.home.namespace, {"matchLabels": {"team": "sre"}}
        settings = with_settings(grafana_instances={"team": "sre"}, grafana_datasource="thanos")
        async with Stage(clock, cluster, settings=settings).leading():
            await asyncio.sleep(SOON)
            folder = cluster.get_object(GRAFANA_FOLDERS, home, "pollwatch-self")["spec"]
            assert (folder["title"], folder["instanceSelector"]) == (f"Pollwatch itself: {home}", selector)
            group = cluster.get_object(GRAFANA_RULE_GROUPS, home, "pollwatch-self")["spec"]
            assert (group["folderRef"], group["instanceSelector"]) == ("pollwatch-self", selector)
            sources = {query["datasourceUid"] for rule in group["rules"] for query in rule["data"]}
            assert sources == {"thanos", "__expr__"}
            cluster.asked.clear()
            await asyncio.sleep(LATER)
            assert cluster.writes == []
        async with Stage(clock, cluster, settings=with_settings(grafana_rules=False)).leading():
            await asyncio.sleep(SOON)
            assert [path.rsplit("/", 2)[1:] for path in cluster.writes if "grafana" in path] == [
                ["grafanaalertrulegroups", "pollwatch-self"],
                ["grafanafolders", "pollwatch-self"],
            ]
            assert cluster.names(GRAFANA_RULE_GROUPS, home) == []
            assert cluster.names(GRAFANA_FOLDERS, home) == []

    play(scene)


def test_alerts_on_pollwatch_itself_say_what_all_alerts_say_and_those_that_page_are_as_severe() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        defaults = AlertDefaults(
            severity="page", labels={"desk": "night"}, dashboard_url="https://g.example.org"
        )
        async with Stage(clock, cluster, settings=with_settings(defaults=defaults)).leading():
            await asyncio.sleep(SOON)
            rules = cluster.get_object(GRAFANA_RULE_GROUPS, "pollwatch-system", "pollwatch-self")["spec"][
                "rules"
            ]
        (gone,) = (rule for rule in rules if rule["labels"]["alert"] == "PollwatchGone")
        assert gone["labels"] == {"alert": "PollwatchGone", "desk": "night", "severity": "page"}
        assert gone["annotations"]["dashboard_url"] == "https://g.example.org/d/pollwatch-self"

    play(scene)


def test_two_installations_that_share_a_grafana_do_not_take_each_others_rules() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        seen = []
        for namespace in ("pollwatch-system", "pollwatch-next"):
            settings = with_settings(home=Home(namespace=namespace, workers=True))
            async with Stage(clock, cluster, settings=settings).leading():
                await asyncio.sleep(SOON)
            title = cluster.get_object(GRAFANA_FOLDERS, namespace, "pollwatch-self")["spec"]["title"]
            group = cluster.get_object(GRAFANA_RULE_GROUPS, namespace, "pollwatch-self")["spec"]
            seen.append({title, group["name"], *(rule["uid"] for rule in group["rules"])})
        assert not seen[0] & seen[1]

    play(scene)


def test_no_folder_is_made_in_grafana_where_no_rules_can_be_in_it() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        cluster.served.remove(GRAFANA_RULE_GROUPS)
        async with Stage(clock, cluster).leading():
            await asyncio.sleep(LATER)
            assert cluster.names(GRAFANA_FOLDERS, "pollwatch-system") == []
            cluster.served.add(GRAFANA_RULE_GROUPS)
            await asyncio.sleep(LATER)
            assert cluster.names(GRAFANA_FOLDERS, "pollwatch-system") == ["pollwatch-self"]

    play(scene)


def test_alerts_of_checks_in_the_namespace_of_pollwatch_come_and_go_beside_its_own() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        home = SETTINGS.home.namespace
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check(namespace=home)
            await asyncio.sleep(LATER)
            own = [cluster.get_object(kind, home, "pollwatch-self") for kind in IN_GRAFANA]
            for kind in IN_GRAFANA:
                assert cluster.names(kind, home) == ["pollwatch-checks", "pollwatch-self"]
            stage.forget(namespace=home)
            await asyncio.sleep(LATER)
            for kind in IN_GRAFANA:
                assert cluster.names(kind, home) == ["pollwatch-self"]
            assert [cluster.get_object(kind, home, "pollwatch-self") for kind in IN_GRAFANA] == own

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
