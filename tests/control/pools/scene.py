"""A fleet, and workers in this process that are told what to do: their Pods are known to the fleet alone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from pollwatch.control.pools.keys import read_keys
from pollwatch.control.pools.names import keys_name, labels, pod_name, worker_name
from pollwatch.control.pools.owned import PODS, SECRETS
from pollwatch.plan.checks import CheckKey, CheckPlan
from pollwatch.plan.states import Verdict
from tests.control.api_server import sample
from tests.control.pools.bench import RunningFleet, Stage, fleet_on
from tests.control.workers import ToldWorker, told_worker
from tests.support.waiting import until

if TYPE_CHECKING:
    from pollwatch.control.data_plane import Found

_versions = count(10**12)
"""Newer than all that the API server gives."""
NAMES = tuple(f"check-{number}" for number in range(60))


def pod(stage: Stage, shard: int, worker: ToldWorker, *, lost: bool = False) -> dict[str, Any]:
    """The Pod of a worker of this process."""
    name = pod_name(stage.pool, shard)
    return {
        "metadata": {
            "name": name,
            "namespace": stage.namespace,
            "uid": name,
            "resourceVersion": str(next(_versions)),
            "creationTimestamp": "2016-11-08T20:00:00Z",
            "labels": labels(stage.pool, shard),
        },
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": worker.server.port}]}]},
        "status": {
            "phase": "Running",
            "podIP": "127.0.0.1",
            "conditions": [
                {"type": "Ready", "status": str(not lost)},
                {"type": "ContainersReady", "status": "True"},
            ],
            "containerStatuses": [{"name": "worker", "state": {"running": {}}}],
        },
    }


class Scene:
    """A fleet, and workers in this process whose Pods are known to the fleet and to nobody else."""

    def __init__(self, stage: Stage, running: RunningFleet, workers: Sequence[ToldWorker]) -> None:
        self.stage, self.running, self.workers = stage, running, workers
        self.found: list[Found] = []

    def appear(self, *shards: int) -> None:
        """Have the Pods of these workers be ready, with their keys mounted."""
        for shard in shards:
            held = self.running.owned[SECRETS].get(keys_name(self.stage.pool, shard))
            state = read_keys(held) if held is not None else None
            assert state is not None
            self.workers[shard].keys = state.keys
            self.running.owned[PODS].seen(pod(self.stage, shard, self.workers[shard]))

    def probed(self, *shards: int) -> list[str]:
        """Which Checks these workers probe, sorted; twice what two of them probe."""
        plans = [self.workers[shard].plans[-1] for shard in shards if self.workers[shard].plans]
        return sorted(check.key.name for plan in plans for check in plan.checks)

    def planned(self, *shards: int) -> dict[CheckKey, CheckPlan]:
        """What these workers probe, and how."""
        plans = [self.workers[shard].plans[-1] for shard in shards if self.workers[shard].plans]
        return {check.key: check for plan in plans for check in plan.checks}

    def size(self) -> int:
        """Bytes of all plans together, unpacked."""
        shards = self.running.fleet._shards[self.stage.pool].shards
        return sum(block.unpacked for shard in shards for block in shard.encode().content.blocks)

    def lose(self, shard: int) -> None:
        """Have Kubernetes miss the node of a worker."""
        self.running.owned[PODS].seen(pod(self.stage, shard, self.workers[shard], lost=True))

    def refused(self) -> float:
        """How many plans were pushed with a key that a worker does not accept."""
        return sample(
            self.running.metrics,
            "pollwatch_operator_plan_pushes_total",
            pool=self.stage.pool,
            outcome="unauthorized",
        )

    def told(self) -> list[tuple[str, Verdict]]:
        """What the leader was told until now."""
        self.found += self.running.fleet.take()
        return [(found.state.key.name, found.state.verdict) for found in self.found]

    async def begin(self, *shards: int) -> None:
        """Have these workers share the Checks."""
        await self.until_keyed(*shards)
        self.appear(*shards)
        await until(lambda: self.probed(*shards) == sorted(NAMES), "all to be probed, each once")

    async def until_keyed(self, *shards: int) -> None:
        """Wait until there are keys for these workers."""
        secrets, pool = self.running.owned[SECRETS], self.stage.pool
        await until(lambda: all(secrets.get(keys_name(pool, shard)) for shard in shards), "keys")

    async def add(self, shard: int) -> None:
        """Have one more worker, the last one: it runs and is told what it is to probe."""
        await self.resize(shard + 1)
        await self.until_keyed(shard)
        self.appear(shard)

    async def resize(self, replicas: int) -> None:
        """Change how many workers there are to be, and wait until the fleet knows."""
        self.stage.change(replicas=replicas)

        def known() -> bool:
            held = self.running.pools.get(self.stage.pool)
            return held is not None and held.pool is not None and held.pool.spec.replicas == replicas

        await until(known, f"{replicas} workers to be asked for")


@asynccontextmanager
async def scene(stage: Stage, *, replicas: int) -> AsyncIterator[Scene]:
    """A pool with so many workers, and three in all that can be had; nobody leads yet."""
    stage.create(replicas=replicas)
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(fleet_on(stage))
        running.probe(*NAMES)
        workers = [
            await stack.enter_async_context(told_worker(name=worker_name(stage.pool, shard)))
            for shard in range(3)
        ]
        yield Scene(stage, running, workers)
