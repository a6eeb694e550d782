"""Which pools have a worker that is ready, and which are only coming up: every replica looks."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import structlog

from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.pools.owned import PODS, STATEFUL_SETS, OwnedObjects
from pollwatch.control.pools.pods import read_pod
from pollwatch.control.pools.registry import Pools
from pollwatch.plan.clock import Clock

IDLE_AFTER = 15.0
"""Seconds without any worker that is ready until the Checks of a pool are told so."""

COMING_UP = 180.0
"""Seconds that the first worker of a pool may take until it is ready: a node is found, the image is
fetched, the plan is delivered. As long, Checks keep the verdict that they had from somewhere else."""

LOOK = 2.0
"""Seconds between looks."""


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What was seen of one pool; all times in monotonic seconds."""

    born: float
    """When it was made."""
    began: float
    """Since when its first worker is being brought up."""
    ready_at: float | None = None
    """When a worker was seen ready last."""


class Readiness:
    """Looks at the Pods of all pools. Belongs to one event loop."""

    def __init__(self, pools: Pools, owned: OwnedObjects, *, metrics: ControlMetrics, clock: Clock) -> None:
        """Wire it.

        Args:
            pools: the pools there are: they are told how their workers are.
            owned: what was made for them.
            metrics: counts defects.
            clock: now.
        """
        self._pools = pools
        self._owned = owned
        self._metrics = metrics
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._log = structlog.get_logger("pollwatch.pools")

    async def follow(self) -> None:
        """Look now and then, for ever, once it is known what there is."""
        await self._owned.listed.wait()
        while True:
            self.look()
            await asyncio.sleep(LOOK)

    def look(self) -> None:
        """Tell each pool how its workers are."""
        now = self._clock.monotonic()
        ready = self._ready_pools()
        before, self._seen = self._seen, {}
        for name in self._pools.names():
            seen = self._seen[name] = before.get(name) or self._first_look(name, now)
            if name in ready:
                seen.ready_at = now
            # A pool that is new is given the same time.
            idle = now - max(seen.born, seen.ready_at or seen.born) > IDLE_AFTER
            starting = seen.ready_at is None and now - seen.began < COMING_UP
            self._pools.set_readiness(name, idle=idle, starting=starting)

    def _first_look(self, name: str, now: float) -> _Seen:
        """Begin with a pool: one whose workloads are older than we are is not new."""
        made = [
            datetime.fromisoformat(held.document["metadata"]["creationTimestamp"]).timestamp()
            for held in self._owned[STATEFUL_SETS].of_pool(name)
        ]
        return _Seen(
            born=now - self._age(self._pools.made_at(name)),
            # Before the first workload is made nothing comes up: that is for the leader to do, from now on.
            began=now - max(map(self._age, made), default=0.0),
        )

    def _age(self, made_at: float) -> float:
        """Seconds since something was made; `made_at` is by the clock of the API server."""
        return max(0.0, self._clock.time() - made_at)

    def _ready_pools(self) -> set[str]:
        ready = set()
        for held in self._owned[PODS]:
            try:
                if read_pod(held.document).ready:
                    ready.add(held.pool)
            except Exception:  # noqa: BLE001 - logged with its traceback
                # A defect, but one Pod's: nothing is known of it, and the others are looked at.
                self._metrics.reconcile_errors.inc()
                self._log.exception("reading a Pod failed", pool=held.pool, pod=held.name)
        return ready
