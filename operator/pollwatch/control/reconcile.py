"""Compiles Checks that changed, and hands the data plane the Plan that they add up to."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence

import structlog

from pollwatch.api.check import Check, parse_check
from pollwatch.api.conditions import AcceptedReason, ReadyReason
from pollwatch.api.problems import Invalid, Problem
from pollwatch.compile.check import Rejected, compile_check
from pollwatch.compile.pool import PoolSettings, compile_for_pool
from pollwatch.compile.references import Reference, references
from pollwatch.control.data_plane import DataPlane
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.placement import Placed, Placement
from pollwatch.control.pool_plans import PoolPlans
from pollwatch.control.report import Reporter
from pollwatch.control.status import Admission
from pollwatch.control.store import HeldCheck, Store
from pollwatch.control.work_queue import WorkQueue
from pollwatch.plan.checks import CheckKey, CheckPlan
from pollwatch.plan.clock import Clock
from pollwatch.worker.slices import Slices

APPLY_INTERVAL = 0.25
"""Seconds between two plans, at least: what changes in a rush is applied together."""

FIRST_READS = 30.0
"""Seconds that the first plan may wait for Secrets and ConfigMaps to be read: without them, what
workers probe by them already would be taken from them."""


class Reconciler:
    """Level-based: it is given a key, and looks at what is there now."""

    def __init__(
        self,
        *,
        store: Store,
        queue: WorkQueue[CheckKey],
        reporter: Reporter,
        data_plane: DataPlane,
        want: Callable[[Reference], None],
        placement: Placement,
        metrics: ControlMetrics,
        clock: Clock,
    ) -> None:
        """Wire it.

        Args:
            store: what there is.
            queue: the Checks to look at.
            reporter: is told what became of each.
            data_plane: is told what to probe.
            want: called for each Secret and ConfigMap that has to be read first.
            placement: says in which pools.
            metrics: counts and times.
            clock: now.
        """
        self._store = store
        self._queue = queue
        self._reporter = reporter
        self._data_plane = data_plane
        self._want = want
        self._placement = placement
        self._tell: list[Callable[[CheckKey], None]] = []
        self._metrics = metrics
        self._clock = clock
        self._plans = PoolPlans()
        self._ready: dict[CheckKey, ReadyReason] = {}
        self._stale = asyncio.Event()
        self._stale.set()
        self._settled = asyncio.Event()
        self._log = structlog.get_logger("pollwatch.reconcile")

    def subscribe(self, tell: Callable[[CheckKey], None]) -> None:
        """Have a function called for each Check that was compiled, rejected or found gone."""
        self._tell.append(tell)

    def count(self, reason: ReadyReason) -> int:
        """Count the Checks that are in that state."""
        return sum(1 for one in self._ready.values() if one is reason)

    async def settle(self) -> None:
        """Return when nothing waits to be compiled and the plan is applied, for the first time.

        What cannot be read for long (`FIRST_READS`) is not waited for.
        """
        self._look_settled()
        await self._settled.wait()
        await self._settle_but(frozenset())

    async def catch_up(self) -> None:
        """Return when what waits now is compiled and the plan is applied; at most `FIRST_READS` later."""
        await self._settle_but(frozenset(self._pending()))

    async def _settle_but(self, excepted: Collection[CheckKey]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_READS):
                while not self._is_settled or any(key not in excepted for key in self._pending()):
                    self._settled.clear()
                    await self._settled.wait()

    def _pending(self) -> Iterator[CheckKey]:
        return (key for key, ready in self._ready.items() if ready is ReadyReason.PENDING)

    async def run(self) -> None:
        """Compile what changed, for ever, once it is known which pools there are."""
        await self._placement.known()
        slices = Slices(self._clock)
        while True:
            key = await self._queue.get()
            started = self._clock.monotonic()
            try:
                self._reconcile(key)
                for tell in self._tell:
                    tell(key)
            except Exception:  # noqa: BLE001 - logged with its traceback below
                # A defect, but one Check's: the others go on.
                self._metrics.reconcile_errors.inc()
                delay = self._queue.retry(key)
                self._log.exception("compiling a Check failed", check=str(key), seconds=round(delay, 1))
            else:
                self._queue.done(key)
            self._look_settled()
            self._metrics.reconciles.observe(self._clock.monotonic() - started)
            await slices.breathe()

    async def apply(self) -> None:
        """Tell the data plane what changed, for ever."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            taken = self._plans.take()
            self._data_plane.apply(taken.changes)
            for key in taken.slowed:
                # Its condition says how often it is probed.
                self._queue.add(key)
            self._look_settled()
            await asyncio.sleep(APPLY_INTERVAL)

    def _reconcile(self, key: CheckKey) -> None:
        held = self._store.checks.get(key)
        if held is None:
            self._unplan(key)
            self._ready.pop(key, None)
            self._placement.forget(key)
            self._reporter.forget(key)
            return
        try:
            check = parse_check(held.document)
            needed = references(check)
            self._store.refer(key, needed)
            unknown = self._store.unknown(needed)
            if unknown:
                for reference in unknown:
                    self._want(reference)
                self._ready[key] = ReadyReason.PENDING
                return
            placed = self._placement.place(check)
            compiled = compile_check(check, self._store)
            plans = [(pool, compile_for_pool(compiled, pool)) for pool in placed.pools]
        except Invalid as error:
            self._store.refer(key, frozenset())
            self._placement.forget(key)
            self._reject(key, held, error.problems)
        except Rejected as error:
            self._reject(key, held, error.problems)
        else:
            self._accept(key, held, check, placed, plans)

    def _accept(
        self,
        key: CheckKey,
        held: HeldCheck,
        check: Check,
        placed: Placed,
        plans: Sequence[tuple[PoolSettings, CheckPlan]],
    ) -> None:
        changed = False
        if check.spec.suspend:
            self._unplan(key)
            ready, message = ReadyReason.SUSPENDED, "Not probed: spec.suspend is true."
        else:
            changed = self._plans.put(key, plans)
            if changed:
                self._stale.set()
            ready, message = self._probing(key, check, placed)
        admission = Admission(
            generation=held.generation,
            accepted=AcceptedReason.ACCEPTED,
            accepted_message="The spec is valid and all that it refers to is usable.",
            ready=ready,
            ready_message=message,
        )
        self._ready[key] = ready
        self._reporter.decided(
            key,
            held.uid,
            admission,
            plans[0][1] if changed else None,
            pools=placed.names,
            quorum=check.spec.needed_for_down,
            rate=min(self._plans.rates(key).values(), default=None),
            starting=placed.starting,
        )

    def _probing(self, key: CheckKey, check: Check, placed: Placed) -> tuple[ReadyReason, str]:
        """Say whether, and how often, a Check that is in the plan is probed."""
        idle = ""
        if placed.idle:
            command = f"kubectl describe probepool {' '.join(placed.idle)}"
            idle = f"no worker of ProbePool {' and '.join(placed.idle)} is ready: {command} says why."
        if len(placed.idle) == len(placed.pools):
            return ReadyReason.POOL_NOT_READY, f"Not probed yet: {idle}"
        sentences = [f"Probed every {check.spec.period_seconds} s."]
        sentences += [
            f"In ProbePool {pool} only every {1 / rate:.3g} s a target: the pool's Checks together would"
            " exceed its spec.maxProbesPerSecondPerHost for this host; raise it, or the periods."
            for pool, rate in self._plans.rates(key).items()
        ]
        if idle:
            sentences.append(idle[0].upper() + idle[1:])
        if not placed.problems:
            return ReadyReason.PROBING, " ".join(sentences)
        return ReadyReason.NOT_IN_ALL_POOLS, " ".join([_only_in(check, placed), *sentences])

    def _reject(self, key: CheckKey, held: HeldCheck, problems: tuple[Problem, ...]) -> None:
        self._unplan(key)
        admission = Admission(
            generation=held.generation,
            accepted=problems[0].reason,
            accepted_message="; ".join(map(str, problems)),
            ready=ReadyReason.NOT_ACCEPTED,
            ready_message="Not probed: the Check is not accepted.",
        )
        self._ready[key] = admission.ready
        self._reporter.decided(key, held.uid, admission, None, pools=())

    def _look_settled(self) -> None:
        if self._is_settled:
            self._settled.set()

    @property
    def _is_settled(self) -> bool:
        return self._queue.idle and not self._stale.is_set()

    def _unplan(self, key: CheckKey) -> None:
        if self._plans.put(key, ()):
            self._stale.set()


def _only_in(check: Check, placed: Placed) -> str:
    """Say where a Check is probed that is not in all the pools that it names, and what follows."""
    needed = check.spec.needed_for_down
    judged = (
        f" As {needed} pools have to find it Down for it to be Down, it is Degraded at worst."
        if len(placed.pools) < needed
        else ""
    )
    return f"Only in ProbePool {' and '.join(placed.names)}: {'; '.join(map(str, placed.problems))}.{judged}"
