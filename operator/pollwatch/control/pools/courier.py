"""Brings the plans of one pool to its workers: written first, then pushed."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

import structlog

from pollwatch.control.cluster import ClusterError
from pollwatch.control.conditions import rfc3339
from pollwatch.control.pools.delivery import Outcome, OvertakenError
from pollwatch.control.pools.services import Services
from pollwatch.control.pools.shards import Shard, Shards
from pollwatch.control.pools.trouble import Trouble
from pollwatch.control.pools.workers import Workers
from pollwatch.control.pools.workloads import Maker
from pollwatch.plan.codec import PlanTooLargeError

WRITES_AT_ONCE = 8
"""Shards whose Secrets are written at a time."""

HAND_OVER = 10.0
"""Seconds that a worker goes on with what others were given, at most, until they are known to probe it."""

TRIES = 3
"""How often a plan is written whose Secret was changed meanwhile, before others have their turn."""


class UnmovableError(Exception):
    """Checks were to move to a worker whose plan would not fit; they stay where they are.

    Attributes:
        members: The workers that were to share all Checks.
    """

    def __init__(self, message: str, members: tuple[str, ...]) -> None:
        super().__init__(message)
        self.members = members


class Courier:
    """Of one pool. Belongs to one event loop."""

    def __init__(
        self,
        name: str,
        shards: Shards,
        services: Services,
        workers: Workers,
        trouble: Trouble,
        first: Callable[[], None],
    ) -> None:
        """Wire it.

        Args:
            name: the pool.
            shards: whose plans.
            services: what is needed from outside.
            workers: are pushed what was written.
            trouble: is told of plans that do not fit, and of Secrets that somebody edited.
            first: called when a shard has Secrets for the first time: its pod can be made now.
        """
        self._name = name
        self._shards = shards
        self._services = services
        self._workers = workers
        self._trouble = trouble
        self._first = first
        self._held_since: dict[str, float] = {}
        """Workers that go on with what others were given, by since when, monotonic seconds."""
        self._log = structlog.get_logger("pollwatch.pools").bind(pool=name)

    async def deliver(self, maker: Maker) -> None:
        """Write and push all plans that changed.

        Of Checks that move, the plan that gets them goes first, and the one that loses them when
        that is live: two workers probe them for a moment, and at no time nobody.

        Raises:
            UnmovableError: a plan that gets some would not fit. Nothing was written.
            OvertakenError: a Secret was changed meanwhile: try again.
            ClusterError: a write failed. The other plans were written all the same.
        """
        stale = [shard for shard in self._shards.shards if shard.stale and not self._is_held(shard)]
        if not stale:
            return
        for shard in stale:
            # It holds the event loop: others run between two plans. What was encoded is kept.
            try:
                shard.encode()
            except PlanTooLargeError as error:
                self._keep_in_place(shard, error)
            await asyncio.sleep(0)
        self._shards.told()
        limit = asyncio.Semaphore(WRITES_AT_ONCE)

        async def deliver(shard: Shard) -> None:
            async with limit:
                await self._deliver_one(shard, maker)

        results = await asyncio.gather(*map(deliver, stale), return_exceptions=True)
        self._workers.look()
        failures = [result for result in results if result is not None]
        # A defect is told before what will go away by itself.
        for failure in sorted(failures, key=lambda error: isinstance(error, ClusterError | OvertakenError)):
            raise failure

    def _keep_in_place(self, shard: Shard, error: PlanTooLargeError) -> None:
        """Take back the move that made a plan too large, where those who have the Checks probe them."""
        losers = [each for each in self._shards.shards if shard.worker in each.heirs]
        if losers and all(self._workers.facts(loser.worker).up for loser in losers):
            members = self._shards.take_back()
            if members:
                raise UnmovableError(str(error), members) from error

    def _is_held(self, shard: Shard) -> bool:
        """Whether a worker that runs is to go on with what others were given and do not probe yet."""
        if not self._workers.facts(shard.worker).up or all(
            self._has_taken_over(heir, revision) for heir, revision in shard.heirs.items()
        ):
            return False
        now = self._services.clock.monotonic()
        return now - self._held_since.setdefault(shard.worker, now) < HAND_OVER

    def _has_taken_over(self, name: str, revision: int) -> bool:
        """Whether a worker probes what it was given, though its plan may have changed again since."""
        heir = self._shards.get(name)
        return heir is None or 0 < revision <= self._workers.state(name).live_revision <= heir.revision

    async def _deliver_one(self, shard: Shard, maker: Maker) -> None:
        shard.stale = False
        shard.heirs.clear()
        self._held_since.pop(shard.worker, None)
        is_first = shard.revision == 0
        try:
            outcome = await self._write(shard, maker)
        except PlanTooLargeError as error:
            self._trouble.too_large[shard.worker] = str(error)
            return
        except BaseException:
            shard.stale = True
            raise
        self._trouble.too_large.pop(shard.worker, None)
        for loser in self._shards.shards:
            if loser.heirs.get(shard.worker) == 0:
                loser.heirs[shard.worker] = outcome.revision
        self._workers.push(shard)
        self._count(shard, outcome)
        if is_first:
            self._first()
        if outcome.edited:
            await self._tell_repaired(outcome.edited, maker.pool.metadata.uid)

    async def _write(self, shard: Shard, maker: Maker) -> Outcome:
        for _ in range(TRIES - 1):
            with contextlib.suppress(OvertakenError):
                return await self._write_once(shard, maker)
        return await self._write_once(shard, maker)

    async def _write_once(self, shard: Shard, maker: Maker) -> Outcome:
        live_revision = self._workers.state(shard.worker).live_revision
        return await self._services.delivery.deliver(shard, owner=maker.owner, live_revision=live_revision)

    def _count(self, shard: Shard, outcome: Outcome) -> None:
        metrics, names = self._services.metrics, (self._name, shard.worker)
        if outcome.wrote:
            metrics.plan_writes.labels(self._name).inc()
        metrics.plan_checks.labels(*names).set(outcome.plan.checks)
        metrics.plan_bytes.labels(*names).set(outcome.plan.size)
        metrics.plan_time.labels(*names).set(self._services.clock.time())

    def forget(self, shards: Iterable[Shard]) -> None:
        """Drop what is told of shards that are gone."""
        metrics = self._services.metrics
        for shard in shards:
            self._trouble.too_large.pop(shard.worker, None)
            self._held_since.pop(shard.worker, None)
            for family in (metrics.plan_checks, metrics.plan_bytes, metrics.plan_time):
                with contextlib.suppress(KeyError):
                    family.remove(self._name, shard.worker)

    async def _tell_repaired(self, names: tuple[str, ...], uid: str) -> None:
        now = self._services.clock.time()
        note = (
            f"Secret {', '.join(names)} was edited by hand and was put right at {rfc3339(now)}:"
            " change Checks and the ProbePool instead."
        )
        self._trouble.repaired(note, now=now)
        self._log.warning("a plan was edited by hand; put right", secrets=list(names))
        await self._services.events.warn(self._name, uid, reason="PlanEdited", action="Deliver", note=note)
