"""Alert rules when another operator leads; in fake time."""

import asyncio

from pollwatch.control.alerting.apis import (
    GRAFANA_FOLDERS,
    PROMETHEUS_RULES,
)
from pollwatch.control.alerting.outcomes import Silence
from tests.control.alerting.in_memory import InMemoryCluster
from tests.control.alerting.stage import LATER, SOON, Stage, play
from tests.support.clock import FakeClock


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
