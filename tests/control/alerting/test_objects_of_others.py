"""Objects, and labels, that somebody else has made; in fake time."""

import asyncio

from pollwatch.control.alerting.apis import (
    PROMETHEUS_RULES,
)
from tests.control.alerting.in_memory import InMemoryCluster
from tests.control.alerting.stage import LATER, SITES, SOON, Stage, play, with_settings
from tests.support.clock import FakeClock


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
