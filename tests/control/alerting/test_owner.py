"""Whose the objects are that hold alert rules, and what becomes of them when that changes; in fake time."""

import asyncio

from pollwatch.control.alerting.apis import (
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
    POD_MONITORS,
    PROMETHEUS_RULES,
    SERVICE_MONITORS,
)
from pollwatch.control.cluster import RefusedError, Resource
from pollwatch.control.owner import CLUSTER_ROLES
from tests.control.alerting.in_memory import InMemoryCluster
from tests.control.alerting.stage import SITES, Stage, play, with_settings
from tests.support.clock import FakeClock

LATER = 60.0

ROLE = "pollwatch-operator-alert-owner"
OWNED = with_settings(owner=ROLE)
HOME = OWNED.home.namespace

OF_CHECKS = (PROMETHEUS_RULES, GRAFANA_FOLDERS, GRAFANA_RULE_GROUPS)


def owners(cluster: InMemoryCluster, resource: Resource, namespace: str, name: str) -> list[str]:
    """The uids of whom an object belongs to."""
    metadata = cluster.get_object(resource, namespace, name)["metadata"]
    return [owner["uid"] for owner in metadata.get("ownerReferences", [])]


def all_owners(cluster: InMemoryCluster) -> list[list[str]]:
    """The owners of each object that there is to be."""
    monitors = ((POD_MONITORS, "pollwatch-workers"), (SERVICE_MONITORS, "pollwatch"))
    return [
        *(owners(cluster, resource, SITES, "pollwatch-checks") for resource in OF_CHECKS),
        *(owners(cluster, resource, HOME, name) for resource, name in monitors),
    ]


def test_all_that_is_written_belongs_to_the_cluster_role_that_the_operator_was_told_of() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        uid = cluster.make_role(ROLE)
        stage = Stage(clock, cluster, settings=OWNED)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(LATER)
            assert all_owners(cluster) == [[uid]] * 5
            rule = cluster.get_object(PROMETHEUS_RULES, SITES)
            assert rule["metadata"]["ownerReferences"] == [
                {
                    "apiVersion": "rbac.authorization.k8s.io/v1",
                    "kind": "ClusterRole",
                    "name": ROLE,
                    "uid": uid,
                }
            ]
            cluster.asked.clear()
            await asyncio.sleep(3600)
            assert cluster.writes == []

    play(scene)


def test_nothing_has_an_owner_where_the_operator_was_told_of_none() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        cluster.make_role(ROLE)
        stage = Stage(clock, cluster)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(LATER)
            assert all_owners(cluster) == [[]] * 5
            assert not [path for _, path in cluster.asked if CLUSTER_ROLES.plural in path]

    play(scene)


def test_an_owner_that_somebody_took_away_is_put_back() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        uid = cluster.make_role(ROLE)
        stage = Stage(clock, cluster, settings=OWNED)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(LATER)
            for resource in OF_CHECKS:
                cluster.disown(resource, SITES)
            await asyncio.sleep(LATER)
            assert all_owners(cluster) == [[uid]] * 5

    play(scene)


def test_what_an_operator_without_an_owner_wrote_gets_one_and_loses_it_again() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        uid = cluster.make_role(ROLE)
        for settings, wanted in ((with_settings(), []), (OWNED, [uid]), (with_settings(), [])):
            stage = Stage(clock, cluster, settings=settings)
            stage.check()
            async with stage.leading():
                await asyncio.sleep(LATER)
                assert all_owners(cluster) == [wanted] * 5

    play(scene)


def test_an_owner_that_is_made_anew_is_another_owner() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        cluster.make_role(ROLE)
        stage = Stage(clock, cluster, settings=OWNED)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(LATER)
            uid = cluster.make_role(ROLE)
            await asyncio.sleep(LATER)
            assert all_owners(cluster) == [[uid]] * 5

    play(scene)


def test_what_is_written_while_the_installation_is_taken_away_still_has_the_owner() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        uid = cluster.make_role(ROLE)
        stage = Stage(clock, cluster, settings=OWNED)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(LATER)
            del cluster.objects[CLUSTER_ROLES, "", ROLE]
            await asyncio.sleep(LATER)
            stage.check(labels={"team": "web"})
            await asyncio.sleep(LATER)
            assert all_owners(cluster) == [[uid]] * 5

    play(scene)


def test_without_the_right_to_read_the_owner_there_are_alerts_all_the_same() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        uid = cluster.make_role(ROLE)
        cluster.refuse = lambda _method, resource, _namespace: (
            RefusedError(403, "clusterroles is forbidden") if resource == CLUSTER_ROLES else None
        )
        stage = Stage(clock, cluster, settings=OWNED)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(LATER)
            assert stage.told()[0] == "Rendered"
            assert all_owners(cluster) == [[]] * 5
            cluster.refuse = lambda _method, _resource, _namespace: None
            await asyncio.sleep(LATER)
            assert all_owners(cluster) == [[uid]] * 5

    play(scene)


def test_nothing_is_written_before_it_is_known_whether_there_is_an_owner() -> None:
    async def scene(clock: FakeClock, cluster: InMemoryCluster) -> None:
        uid = cluster.make_role(ROLE)
        cluster.refuse = lambda _method, resource, _namespace: (
            RefusedError(503, "etcdserver: no leader") if resource == CLUSTER_ROLES else None
        )
        stage = Stage(clock, cluster, settings=OWNED)
        async with stage.leading():
            stage.check()
            await asyncio.sleep(LATER)
            assert cluster.writes == []
            cluster.refuse = lambda _method, _resource, _namespace: None
            await asyncio.sleep(LATER)
            assert all_owners(cluster) == [[uid]] * 5

    play(scene)
