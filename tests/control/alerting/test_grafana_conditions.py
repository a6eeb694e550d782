"""What Checks say of their alerts where Grafana has yet to take them, or refuses; in fake time."""

import asyncio
from collections.abc import Mapping
from typing import Any

from pollwatch.control.alerting.apis import (
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
    PROMETHEUS_RULES,
)
from tests.control.alerting.in_memory import InMemoryCluster
from tests.control.alerting.stage import LATER, SITES, SOON, Stage, play
from tests.support.clock import FakeClock


def condition(kind: str, status: str, message: str, *, generation: int = 1) -> Mapping[str, Any]:
    """A condition as grafana-operator writes it."""
    return {
        "type": kind,
        "status": status,
        "message": message,
        "observedGeneration": generation,
        "reason": "R",
    }


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
