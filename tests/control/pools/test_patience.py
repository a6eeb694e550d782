"""Operators that go on, and are patient, whatever the API server shows and refuses."""

import asyncio
import random
from typing import Any, cast

import httpx

from pollwatch.control.cluster import Cluster, UnreachableError
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.pools.apply import Applier
from pollwatch.control.pools.crew import Crew
from pollwatch.control.pools.delivery import Delivery
from pollwatch.control.pools.events import PoolEvents
from pollwatch.control.pools.fleet import Fleet
from pollwatch.control.pools.names import labels
from pollwatch.control.pools.owned import PODS, OwnedObjects
from pollwatch.control.pools.readiness import IDLE_AFTER
from pollwatch.control.pools.registry import Pools
from pollwatch.control.pools.services import Services
from pollwatch.control.pools.shards import Shards
from tests.control.api_server import sample
from tests.control.pools.test_registry import pool_document
from tests.support.clock import FakeClock, run_in_fake_time


class Away:
    """An API server that answers nobody, and counts who asks."""

    def __init__(self) -> None:
        self.asked = 0

    def fenced(self, _may_write: object) -> "Away":
        return self

    async def get(self, *_: object, **__: object) -> dict[str, Any]:
        raise UnreachableError("no answer")

    async def patch_status(self, *_: object, **__: object) -> dict[str, Any]:
        self.asked += 1
        raise UnreachableError("no answer")


def pod(name: str, pool: str, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "uid": name,
            "resourceVersion": "1",
            "labels": labels(pool, 0),
            **metadata,
        },
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def test_a_pod_that_cannot_be_read_leaves_the_pools_of_others_as_they_are() -> None:
    clock, metrics = FakeClock(), ControlMetrics()
    pools, owned = Pools(default_pool="default", recompile=lambda _key: None), OwnedObjects("pollwatch")

    async def main() -> None:
        fleet = Fleet(
            cluster=cast("Cluster", Away()),
            pools=pools,
            owned=owned,
            image="pollwatch:test",
            instance="the-test",
            metrics=metrics,
            clock=clock,
            random=lambda: 0.5,
        )
        for name in ("broken", "empty", "east"):
            pools.seen(pool_document(name))
        owned[PODS].seen(pod("broken-0", "broken", creationTimestamp="long ago"))
        owned[PODS].seen(pod("east-0", "east", creationTimestamp="2016-11-08T20:00:00Z"))
        for objects in owned.kinds.values():
            objects.listed()
        running = asyncio.create_task(fleet.follow())
        await asyncio.sleep(2.0 * IDLE_AFTER)
        assert not running.done()
        running.cancel()
        await asyncio.wait([running])

    run_in_fake_time(clock, main())
    idle = {name: held.idle for name in pools.names() if (held := pools.get(name)) is not None}
    assert idle == {"broken": True, "empty": True, "east": False}
    assert sample(metrics, "pollwatch_operator_reconcile_errors_total") > 0


def test_while_the_api_server_is_away_what_workers_tell_makes_for_no_ever_more_tries() -> None:
    clock, metrics, away = FakeClock(), ControlMetrics(), Away()
    woken = 0

    async def main() -> None:
        nonlocal woken
        pools, owned = Pools(default_pool="default", recompile=lambda _key: None), OwnedObjects("pollwatch")
        # It has a status to be written, and no workers.
        pools.seen(pool_document("east", replicas="many"))
        cluster = cast("Cluster", away)
        async with httpx.AsyncClient() as client, asyncio.TaskGroup() as group:
            services = Services(
                cluster=cluster,
                pools=pools,
                owned=owned,
                applier=Applier(cluster, owned, pools),
                delivery=Delivery(cluster, owned, now=clock.time),
                events=PoolEvents(cluster, instance="the-test", clock=clock),
                client=client,
                found=lambda _found: None,
                image="pollwatch:test",
                metrics=metrics,
                clock=clock,
                random=random.Random(8).random,  # noqa: S311 - repeatable on purpose
            )
            crew = Crew("east", Shards("east"), services, group)
            running = group.create_task(crew.run())
            # Ten minutes, in which each of four workers says every 10 s that nothing is new.
            for _ in range(240):
                await asyncio.sleep(2.5)
                crew.wake(tend=False)
                woken += 1
            running.cancel()

    run_in_fake_time(clock, main())
    assert woken < away.asked <= woken + 30
