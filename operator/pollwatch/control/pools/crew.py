"""One pool while we lead: what was made of it, what its workers are told, and its status."""

import asyncio
from http import HTTPStatus

import structlog

from pollwatch.api.pool import ProbePool
from pollwatch.compile.pool import PoolSettings
from pollwatch.control.cluster import PROBE_POOLS, ClusterError, RefusedError
from pollwatch.control.pools.apply import InvalidObjectError
from pollwatch.control.pools.courier import Courier, UnmovableError
from pollwatch.control.pools.delivery import OvertakenError
from pollwatch.control.pools.keys import Locksmith
from pollwatch.control.pools.names import labels
from pollwatch.control.pools.network_policy import network_policy
from pollwatch.control.pools.owned import DISRUPTION_BUDGETS, NETWORK_POLICIES, PLAN_TYPE, SECRETS, SERVICES
from pollwatch.control.pools.registry import HeldPool
from pollwatch.control.pools.roster import Roster
from pollwatch.control.pools.services import Services
from pollwatch.control.pools.shards import Shards
from pollwatch.control.pools.status import desired_status, is_worth_writing
from pollwatch.control.pools.trouble import Trouble
from pollwatch.control.pools.view import PoolView
from pollwatch.control.pools.workers import Workers
from pollwatch.control.pools.workloads import Maker
from pollwatch.control.work_queue import backoff

COALESCE = 0.25
"""Seconds that a change waits for others: together they are one write and one push."""


class Crew:
    """Tends one pool. Belongs to one event loop."""

    def __init__(self, name: str, shards: Shards, services: Services, group: asyncio.TaskGroup) -> None:
        """Wire it; nothing happens before `run`.

        Args:
            name: the pool.
            shards: its Checks.
            services: what is needed from outside.
            group: runs the links to its workers.
        """
        self._name = name
        self._shards = shards
        self._services = services
        self._workers = Workers(name, services, group, lambda: self.wake(tend=False))
        self._roster = Roster(name, shards, services, self._workers)
        self._locksmith = Locksmith(
            services.cluster, services.owned, accepted=self._workers.accepted, now=services.clock.time
        )
        self._trouble = Trouble()
        self._courier = Courier(
            name, shards, services, self._workers, self._trouble, lambda: self.wake(tend=True)
        )
        self._woken = asyncio.Event()
        self._tend_due = True
        self._scaling = ""
        self._written_at = float("-inf")
        self._failures = 0
        self._retry: asyncio.TimerHandle | None = None
        """The next try after a failure."""
        self._retry_tends = False
        self._log = structlog.get_logger("pollwatch.pools").bind(pool=name)

    def wake(self, *, tend: bool) -> None:
        """Have plans delivered and the status looked at; with `tend`, everything else too."""
        self._tend_due = self._tend_due or tend
        self._woken.set()

    async def run(self) -> None:
        """Tend the pool until it is gone, and all that was made of it with it."""
        self._woken.set()
        try:
            while True:
                await self._woken.wait()
                await asyncio.sleep(COALESCE)
                self._woken.clear()
                held = self._services.pools.get(self._name)
                if held is not None:
                    await self._attend(held)
                elif await self._dissolve():
                    return
        finally:
            self._drop_retry()
            # Of what another leads from now on, we must not go on telling how it was.
            self._courier.forget(self._shards.shards)

    async def _attend(self, held: HeldPool) -> None:
        """Do once what is due. That one part fails keeps the status from nothing."""
        tend, self._tend_due = self._tend_due, False
        problem = ""
        try:
            if held.pool is not None and held.settings is not None:
                await self._bring_about(held, held.pool, held.settings, tend=tend)
        except InvalidObjectError as error:
            self._trouble.invalid = str(error)
        except (ClusterError, OvertakenError) as error:
            problem = str(error)
            self._trouble.obstacle = problem if isinstance(error, RefusedError) else ""
        except Exception:  # noqa: BLE001 - logged with its traceback
            problem = self._met_defect()
        try:
            await self._write_status(held)
        except ClusterError as error:
            problem = problem or str(error)
        except Exception:  # noqa: BLE001 - logged with its traceback
            problem = self._met_defect()
        self._come_back(problem, tend=tend)

    def _met_defect(self) -> str:
        """Tell of a defect: it is one pool's, and the others go on."""
        self._services.metrics.reconcile_errors.inc()
        self._log.exception("tending a pool met a defect")
        return "a defect in Pollwatch"

    async def _bring_about(
        self, held: HeldPool, pool: ProbePool, settings: PoolSettings, *, tend: bool
    ) -> None:
        maker = Maker(pool=pool, image=self._services.image)
        self._workers.look()
        if tend or self._roster.has_moved(pool):
            self._trouble.invalid = self._trouble.obstacle = ""
            self._shards.set_egress(settings.egress)
            self._shards.set_host_rate(settings.host_rate)
            self._roster.muster(pool)
            self._find_edited(held.uid)
        await self._deliver(maker)
        if tend:
            # What is wrong with one worker's keys keeps neither a plan nor a template from the others.
            refusal: ClusterError | None = None
            try:
                await self._locksmith.keep(self._shards.shards, maker.owner)
            except ClusterError as error:
                refusal = error
            await self._apply(held, pool, settings, maker)
            if refusal is not None:
                raise refusal

    async def _deliver(self, maker: Maker) -> None:
        try:
            await self._courier.deliver(maker)
        except UnmovableError as error:
            self._roster.stay(error.members)
            self._trouble.unmovable = f"Checks stay with the workers that have them, for elsewhere {error}"
            await self._courier.deliver(maker)
        if not self._roster.is_stuck:
            self._trouble.unmovable = ""

    def _come_back(self, problem: str, *, tend: bool) -> None:
        """Try again later after a failure: once, however often something else fails until then."""
        if not problem:
            if tend or not self._retry_tends:
                self._failures = 0
                self._drop_retry()
            return
        self._retry_tends = self._retry_tends or tend
        if self._retry is not None:
            return
        self._failures += 1
        delay = backoff(self._failures, jitter=self._services.random())
        self._log.warning("tending a pool failed; trying again", seconds=round(delay, 1), error=problem)
        self._retry = asyncio.get_running_loop().call_later(delay, self._try_again)

    def _try_again(self) -> None:
        tend = self._retry_tends
        self._drop_retry()
        self.wake(tend=tend)

    def _drop_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._retry, self._retry_tends = None, False

    async def _dissolve(self) -> bool:
        """Delete what was made of a pool that is gone; return whether that is done."""
        self._workers.keep(())
        try:
            return await self._services.applier.delete_pool(self._name)
        except ClusterError as error:
            self._come_back(str(error), tend=True)
        except Exception:  # noqa: BLE001 - logged with its traceback
            self._come_back(self._met_defect(), tend=True)
        return False

    def _find_edited(self, uid: str) -> None:
        """Have plans written again whose Secrets are not as we left them, or are another pool's."""
        found: dict[int | None, dict[str, str]] = {}
        foreign: set[int | None] = set()
        for held in self._services.owned[SECRETS].of_pool(self._name):
            if held.document.get("type") != PLAN_TYPE:
                continue
            found.setdefault(held.shard, {})[held.name] = held.data
            if not held.belongs_to(uid, labels(self._name, held.shard)):
                foreign.add(held.shard)
        for shard in self._shards.shards:
            edited = bool(shard.written) and found.get(shard.number, {}) != shard.written
            shard.stale = shard.stale or edited or shard.number in foreign

    async def _apply(self, held: HeldPool, pool: ProbePool, settings: PoolSettings, maker: Maker) -> None:
        applier, roster = self._services.applier, self._roster
        await applier.apply(SERVICES, maker.service())
        await applier.apply(DISRUPTION_BUDGETS, maker.disruption_budget())
        await applier.apply(NETWORK_POLICIES, network_policy(self._name, settings.egress, maker.owner))
        wanted = roster.wanted(pool)
        written = [shard for shard in self._shards.shards if shard.worker in wanted and shard.revision]
        given = await applier.roll_out([maker.stateful_set(shard.number) for shard in written])
        leaving = roster.leaving(wanted)
        gone = [shard for shard in leaving if roster.can_go(shard)]
        numbers = frozenset(shard.number for shard in gone)
        if gone and await applier.delete_shards(self._name, numbers, generation=held.generation):
            roster.dismiss(gone)
            self._courier.forget(gone)
        self._scaling = self._describe_scaling(
            wanted, leaving=len(leaving) - len(gone), made=given and len(written) == len(wanted)
        )

    def _describe_scaling(self, wanted: list[str], *, leaving: int, made: bool) -> str:
        """Say what is being changed about the workers; empty: nothing."""
        if leaving:
            return f"{leaving} workers too many; they go when others have their Checks."
        if not made:
            return f"Workers are being brought to the template of now, one by one, {len(wanted)} in all."
        shards = [self._shards.get(name) for name in wanted]
        starting = sum(shard is not None and self._workers.is_starting(shard) for shard in shards)
        if starting:
            return f"{starting} of {len(wanted)} workers are being started."
        idle = len(set(wanted) - set(self._shards.members))
        if idle:
            return f"{idle} of {len(wanted)} workers have no Checks yet; they get them when they run."
        return ""

    def _view(self, held: HeldPool) -> PoolView:
        now = self._services.clock.time()
        admits_some = self._services.pools.admits_some(self._name)
        accepted, message = self._trouble.judge(held, admits_some=admits_some)
        return PoolView(
            name=self._name,
            namespace=self._services.owned.namespace,
            generation=held.generation,
            accepted=accepted,
            accepted_message=message,
            wanted=len(self._roster.wanted(held.pool)) if held.pool is not None else 0,
            workers=self._workers.views(),
            checks=len(self._shards),
            scaling=self._scaling,
            obstacle=self._trouble.obstacle,
            repaired=self._trouble.told_repair(now=now),
        )

    async def _write_status(self, held: HeldPool) -> None:
        services, now = self._services, self._services.clock.monotonic()
        wanted = desired_status(self._view(held), held.status, now=services.clock.time())
        if not is_worth_writing(held.status, wanted, since_written=now - self._written_at):
            return
        try:
            answer = await services.cluster.patch_status(
                None,
                self._name,
                uid=held.uid,
                status=wanted,
                resource_version=held.resource_version,
                resource=PROBE_POOLS,
            )
        except RefusedError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return
            if error.code != HTTPStatus.CONFLICT:
                raise
            services.pools.seen(await services.cluster.get(PROBE_POOLS, None, self._name))
            self._woken.set()
        else:
            self._written_at = now
            services.pools.seen(answer)
