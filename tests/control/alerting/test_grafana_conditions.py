"""What Checks, and the log, say where Grafana has yet to take what is written, or refuses; in fake time."""

import asyncio
from collections.abc import Mapping
from typing import Any

from structlog.testing import capture_logs

from pollwatch.control.alerting.apis import (
    GRAFANA_DASHBOARDS,
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
    PROMETHEUS_RULES,
)
from tests.control.alerting.in_memory import InMemoryCluster
from tests.control.alerting.stage import LATER, SITES, SOON, Stage, play, with_settings
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


def test_an_object_about_pollwatch_itself_that_grafana_refuses_for_long_is_logged_once_until_it_is_well() -> (
    None
):
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        refused = condition(
            "DashboardSynchronized", "False", "for 1 instance:\n- grafana: [403] dashboards:write"
        )
        again = condition("DashboardSynchronized", "False", "for 1 instance:\n- grafana: [403] at 21:12")
        taken = condition("DashboardSynchronized", "True", "fine")
        stage = Stage(clock, cluster, settings=with_settings(dashboards=True))
        async with stage.leading():
            await asyncio.sleep(SOON)

            async def tell(said: Mapping[str, Any], seconds: float) -> list[str]:
                cluster.tell(GRAFANA_DASHBOARDS, "pollwatch-system", said, name="pollwatch-self")
                with capture_logs() as logs:
                    await asyncio.sleep(seconds)
                return [f"{one['event']}: {one['object']}, {one.get('error')}" for one in logs]

            assert await tell(refused, 16) == []
            assert await tell(taken, LATER) == []
            (told,) = await tell(refused, LATER)
            assert told == (
                "an object about Pollwatch itself is not in force: GrafanaDashboard pollwatch-self, for 1"
                " instance: - grafana: [403] dashboards:write"
            )
            assert await tell(again, LATER) == []
            assert await tell(taken, LATER) == [
                "an object about Pollwatch itself is in force again: GrafanaDashboard pollwatch-self, None"
            ]
            assert len(await tell(refused, LATER)) == 1

    play(scene)


def test_alerts_on_pollwatch_itself_that_wait_for_a_grafana_are_logged_and_no_check_is_concerned() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        waiting = condition("NoMatchingInstance", "True", "None of the available Grafana instances matched")
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check(namespace="pollwatch-system")
            await asyncio.sleep(SOON)
            for kind in (GRAFANA_FOLDERS, GRAFANA_RULE_GROUPS):
                cluster.tell(kind, "pollwatch-system", waiting, name="pollwatch-self")
            with capture_logs() as logs:
                await asyncio.sleep(LATER)
            assert [one["object"] for one in logs] == [
                "GrafanaFolder pollwatch-self",
                "GrafanaAlertRuleGroup pollwatch-self",
            ]
            _, message = stage.told(namespace="pollwatch-system")
            assert message == "In the PrometheusRules and GrafanaAlertRuleGroups of the namespace."

    play(scene)
