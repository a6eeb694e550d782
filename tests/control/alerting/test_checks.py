"""Which rules a Check has, and what its status says of them; in fake time."""

import asyncio

from pollwatch.api.alert import AlertSpec
from pollwatch.control.alerting.apis import (
    PROMETHEUS_RULES,
)
from pollwatch.control.alerting.outcomes import Silence
from pollwatch.control.cluster import RefusedError
from tests.control.alerting.in_memory import InMemoryCluster
from tests.control.alerting.stage import LATER, SITES, SOON, Stage, play
from tests.support.clock import FakeClock


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
