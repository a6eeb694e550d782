"""What is made of a pool, on the real API server."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pollwatch.control.cluster import Cluster, RefusedError
from pollwatch.control.credentials import load_credentials
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.pools.apply import Applier
from pollwatch.control.pools.names import labels
from pollwatch.control.pools.owned import SERVICES, OwnedObjects
from pollwatch.control.pools.registry import Pools
from pollwatch.plan.clock import SystemClock
from tests.control.pools.bench import Stage, eventually, leading_fleet


async def test_a_pool_becomes_what_its_workers_need_and_nothing_else(stage: Stage) -> None:
    stage.create(replicas=2)
    async with leading_fleet(stage) as running:
        running.probe("front-page", "search")
        await eventually(lambda: len(stage.names("statefulsets")) == 2, "two StatefulSets")
        base = stage.base
        assert stage.made() == [
            f"statefulsets/{base}-0",
            f"statefulsets/{base}-1",
            f"services/{base}",
            f"secrets/{base}-0-keys",
            f"secrets/{base}-0-plan",
            f"secrets/{base}-1-keys",
            f"secrets/{base}-1-plan",
            f"poddisruptionbudgets/{base}",
            f"networkpolicies/{base}",
        ]
        checks = 0
        for shard in (0, 1):
            secret = stage.get("secrets", f"{base}-{shard}-plan") or {}
            header = json.loads(base64.b64decode(secret["data"]["plan.json"]))
            assert secret["type"] == "pollwatch.dev/plan"
            assert header["worker"] == f"{stage.pool}-{shard}"
            checks += sum(block.get("checks", 0) for block in header.get("blocks", []))
        assert checks == 2


def service(stage: Stage, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": stage.base, "labels": labels(stage.pool)},
        "spec": {"clusterIP": "None", "ports": [{"name": "http", "port": port}]},
    }


@asynccontextmanager
async def applier_on(stage: Stage) -> AsyncIterator[tuple[Applier, OwnedObjects]]:
    """What applies documents, without a watch: it knows what it applied itself, and what it is told."""
    credentials = await load_credentials(str(stage.control_plane.kubeconfig()), clock=SystemClock())
    cluster = Cluster(credentials, metrics=ControlMetrics(), clock=SystemClock())
    owned = OwnedObjects(stage.namespace)
    try:
        yield Applier(cluster, owned, Pools(default_pool="default", recompile=lambda _key: None)), owned
    finally:
        await cluster.close()


async def test_what_a_leader_decided_before_another_one_wrote_does_not_win_over_it(stage: Stage) -> None:
    async with applier_on(stage) as (former, _), applier_on(stage) as (latter, known):
        await former.apply(SERVICES, service(stage, 1111))
        known[SERVICES].seen(stage.get("services", stage.base) or {})
        await latter.apply(SERVICES, service(stage, 2222))
        with pytest.raises(RefusedError) as refused:
            await former.apply(SERVICES, service(stage, 3333))
        assert refused.value.code == 409
    found = stage.get("services", stage.base) or {}
    assert [port["port"] for port in found["spec"]["ports"]] == [2222]


async def test_an_object_that_changed_meanwhile_is_applied_to_as_soon_as_it_was_seen(stage: Stage) -> None:
    async with applier_on(stage) as (applier, owned):
        await applier.apply(SERVICES, service(stage, 1111))
        path = stage.path("services", stage.base)
        changed = stage.admin.patch(path, {"metadata": {"annotations": {"somebody": "else"}}})
        applying = asyncio.create_task(applier.apply(SERVICES, service(stage, 2222)))
        asyncio.get_running_loop().call_later(0.3, owned[SERVICES].seen, changed)
        await applying
    found = stage.get("services", stage.base) or {}
    assert [port["port"] for port in found["spec"]["ports"]] == [2222]
    assert found["metadata"]["annotations"] == {"somebody": "else"}


async def test_an_object_that_was_deleted_meanwhile_is_made_once_that_was_seen(stage: Stage) -> None:
    async with applier_on(stage) as (applier, owned):
        await applier.apply(SERVICES, service(stage, 1111))
        stage.admin.delete(stage.path("services", stage.base))
        (held,) = owned[SERVICES]
        applying = asyncio.create_task(applier.apply(SERVICES, service(stage, 2222)))
        asyncio.get_running_loop().call_later(0.3, owned.gone, SERVICES, held)
        await applying
    found = stage.get("services", stage.base) or {}
    assert [port["port"] for port in found["spec"]["ports"]] == [2222]
