"""What is written of alert rules when things change: as little as can be; in fake time."""

import asyncio
import json

from pollwatch.control.alerting.apis import (
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
)
from pollwatch.control.alerting.layout import MOST_BYTES
from tests.control.alerting.in_memory import InMemoryCluster
from tests.control.alerting.stage import LATER, SITES, SOON, Stage, groups, play, with_settings
from tests.support.clock import FakeClock


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
            # Two discoveries and seven lists each 15 s.
            assert len(cluster.asked) <= 3600 / 15 * 9 + 9

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
