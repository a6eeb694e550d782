"""The data plane of pools: plans go out to workers, and what they find comes in.

Every replica of the operator keeps the plans, so that it can take over at once. Only the one
that leads writes, pushes and pulls: in `run`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import structlog

from pollwatch.control.cluster import Cluster, ClusterError
from pollwatch.control.data_plane import Found
from pollwatch.control.links import feed_client
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.plan_book import Changes
from pollwatch.control.pools.addresses import ApiServerAddresses
from pollwatch.control.pools.apply import Applier
from pollwatch.control.pools.crew import Crew
from pollwatch.control.pools.delivery import Delivery
from pollwatch.control.pools.events import PoolEvents
from pollwatch.control.pools.owned import SECRETS, WORKLOADS, OwnedObjects
from pollwatch.control.pools.readiness import Readiness
from pollwatch.control.pools.registry import Pools
from pollwatch.control.pools.services import Services
from pollwatch.control.pools.shards import Shards
from pollwatch.control.work_queue import backoff
from pollwatch.plan.clock import Clock

TICK = 10.0
"""Seconds between looks at everything: what drifted, what did not run for long, what is overloaded."""

ADDRESSES_EVERY = 60.0
"""Seconds between looks at where the API server is: two small reads."""


class Fleet:
    """All pools. Belongs to one event loop."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        pools: Pools,
        owned: OwnedObjects,
        image: str,
        instance: str,
        metrics: ControlMetrics,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        """Wire it.

        Args:
            cluster: the API server.
            pools: the pools there are.
            owned: what was made for them.
            image: of workers, where their pool names none.
            instance: who we are: the name of the Pod or host.
            metrics: counts.
            clock: now.
            random: numbers in [0, 1), for jitter.
        """
        self._cluster = cluster
        self._pools = pools
        self._owned = owned
        self._image = image
        self._instance = instance
        self._metrics = metrics
        self._clock = clock
        self._random = random
        self._shards: dict[str, Shards] = {}
        self._crews: dict[str, Crew] = {}
        self._found: deque[Found] = deque()
        self._arrived = asyncio.Event()
        self._changed = asyncio.Event()
        self._moved: set[str] = set()
        """Pools of which something changed since the leader looked last."""
        self._readiness = Readiness(pools, owned, metrics=metrics, clock=clock)
        self._log = structlog.get_logger("pollwatch.pools")
        pools.subscribe(self._stir)
        pools.subscribe(self._forget_if_gone)
        owned.subscribe(self._stir)

    # The data plane

    def apply(self, changes: Mapping[str, Changes]) -> None:
        """Change what is probed, in each pool that is named."""
        for name, of_pool in changes.items():
            self._shards_of(name).apply(of_pool)
            if name in self._crews:
                self._crews[name].wake(tend=False)

    async def wait(self) -> None:
        """Return when `take` has something to give."""
        while not self._found:
            self._arrived.clear()
            await self._arrived.wait()

    def take(self) -> Sequence[Found]:
        """Give what was found since the last call, oldest first."""
        found = list(self._found)
        self._found.clear()
        return found

    # For all replicas

    async def follow(self) -> None:
        """Keep what Checks are compiled by: where the API server is, and which pools have workers."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_addresses())
            group.create_task(self._readiness.follow())

    async def _follow_addresses(self) -> None:
        failures = 0
        addresses = ApiServerAddresses(self._cluster, self._clock)
        while True:
            try:
                self._pools.set_cluster_addresses(await addresses.look())
                failures = 0
            except ClusterError as error:
                failures += 1
                self._log.warning("reading where the API server is failed", error=str(error))
            delay = backoff(failures, jitter=self._random()) if failures else ADDRESSES_EVERY
            await asyncio.sleep(delay)

    # For the leader

    async def run(self, may_write: Callable[[], bool] = lambda: True) -> None:
        """Have every pool tended, until cancelled: as long as we lead.

        It writes what it was told with `apply`: everything must have been compiled before.

        Args:
            may_write: asked right before each write; see `Election.leading`.
        """
        client = feed_client()
        cluster = self._cluster.fenced(may_write)
        services = Services(
            cluster=cluster,
            pools=self._pools,
            owned=self._owned,
            applier=Applier(cluster, self._owned, self._pools),
            delivery=Delivery(cluster, self._owned, now=self._clock.time),
            events=PoolEvents(cluster, instance=self._instance, clock=self._clock),
            client=client,
            found=self._take_in,
            image=self._image,
            metrics=self._metrics,
            clock=self._clock,
            random=self._random,
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tick())
                self._moved.update(self._names())
                while True:
                    for name in self._moved:
                        self._wake(name, services, group)
                    self._moved.clear()
                    self._changed.clear()
                    await self._changed.wait()
        finally:
            # Whoever leads next hears it from the workers; should we again, it would be old news.
            self._found.clear()
            employed = list(self._crews)
            self._crews.clear()
            for name in employed:
                self._forget_if_gone(name)
            for shards in self._shards.values():
                shards.reset()
            await client.aclose()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            for name in self._names():
                self._stir(name)

    def _names(self) -> set[str]:
        made = {held.pool for resource in (*WORKLOADS, SECRETS) for held in self._owned[resource]}
        return {*self._pools.names(), *made, *self._crews} - {""}

    def _wake(self, name: str, services: Services, group: asyncio.TaskGroup) -> None:
        crew = self._crews.get(name)
        if crew is None:
            if name not in self._names():
                return
            crew = self._crews[name] = Crew(name, self._shards_of(name), services, group)
            group.create_task(self._employ(name, crew), name=f"pool {name}")
        crew.wake(tend=True)

    async def _employ(self, name: str, crew: Crew) -> None:
        await crew.run()
        del self._crews[name]
        self._shards_of(name).reset()
        self._forget_if_gone(name)
        if self._pools.get(name) is not None:
            # It was made again while what there was of it was taken away.
            self._stir(name)

    def _stir(self, name: str) -> None:
        self._moved.add(name)
        self._changed.set()

    def _forget_if_gone(self, name: str) -> None:
        """Count no more for a pool that is gone, once nothing is done for it any more."""
        if self._pools.get(name) is None and name not in self._crews:
            self._metrics.forget_pool(name)

    def _shards_of(self, name: str) -> Shards:
        if name not in self._shards:
            self._shards[name] = Shards(name)
        return self._shards[name]

    def _take_in(self, found: Found) -> None:
        self._found.append(found)
        self._arrived.set()
