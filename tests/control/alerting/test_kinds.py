"""Which kinds of objects there are, for rules, scraping and dashboards, and where; in fake time."""

import asyncio
import json

from structlog.testing import capture_logs

from pollwatch.control.alerting.apis import (
    GRAFANA_DASHBOARDS,
    POD_MONITORS,
    SERVICE_MONITORS,
)
from pollwatch.control.alerting.outcomes import Silence
from pollwatch.control.cluster import RefusedError, Resource
from tests.control.alerting.in_memory import InMemoryCluster
from tests.control.alerting.stage import LATER, SITES, SOON, Stage, play, with_settings
from tests.support.clock import FakeClock

FORBIDDEN = RefusedError(
    403,
    'prometheusrules.monitoring.coreos.com "pollwatch-checks" is forbidden: User "pollwatch" cannot patch'
    ' resource "prometheusrules" in API group "monitoring.coreos.com" in the namespace "public-sites"',
)


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
