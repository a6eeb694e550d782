"""Compiles Checks that changed, and hands the data plane the Plan that they add up to."""

import asyncio
from collections.abc import Callable

import structlog

from pollwatch.api.check import Check, parse_check
from pollwatch.api.conditions import AcceptedReason, ReadyReason
from pollwatch.api.problems import Invalid, Problem
from pollwatch.compile.check import Rejected, compile_check
from pollwatch.compile.plan import make_plan
from pollwatch.compile.references import Reference, references
from pollwatch.control.data_plane import DataPlane
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.report import Reporter
from pollwatch.control.slices import Slices
from pollwatch.control.status import Admission
from pollwatch.control.store import HeldCheck, Store
from pollwatch.control.work_queue import WorkQueue
from pollwatch.plan.checks import CheckKey, CheckPlan
from pollwatch.plan.clock import Clock

APPLY_INTERVAL = 0.25
"""Seconds between two plans, at least: what changes in a rush is applied together."""


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
        pool: str,
        metrics: ControlMetrics,
        clock: Clock,
    ) -> None:
        """Wire it.

        Args:
            store: what there is.
            queue: the Checks to look at.
            reporter: is told what became of each.
            data_plane: is given the plan.
            want: called for each Secret and ConfigMap that has to be read first.
            pool: the pool of every Check.
            metrics: counts and times.
            clock: now.
        """
        self._store = store
        self._queue = queue
        self._reporter = reporter
        self._data_plane = data_plane
        self._want = want
        self._pool = pool
        self._metrics = metrics
        self._clock = clock
        self._plans: dict[CheckKey, CheckPlan] = {}
        self._ready: dict[CheckKey, ReadyReason] = {}
        self._stale = asyncio.Event()
        self._stale.set()
        self._settled = asyncio.Event()
        self._log = structlog.get_logger("pollwatch.reconcile")

    def count(self, reason: ReadyReason) -> int:
        """Count the Checks that are in that state."""
        return sum(1 for one in self._ready.values() if one is reason)

    async def settle(self) -> None:
        """Return when nothing waits to be compiled and the plan is applied, for the first time."""
        self._look_settled()
        await self._settled.wait()

    async def run(self) -> None:
        """Compile what changed, for ever."""
        slices = Slices(self._clock)
        while True:
            key = await self._queue.get()
            started = self._clock.monotonic()
            try:
                self._reconcile(key)
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
        """Hand over the plan when it changed, for ever."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            self._data_plane.apply({self._pool: make_plan(self._plans.values())})
            self._look_settled()
            await asyncio.sleep(APPLY_INTERVAL)

    def _reconcile(self, key: CheckKey) -> None:
        held = self._store.checks.get(key)
        if held is None:
            self._unplan(key)
            self._ready.pop(key, None)
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
            plan = compile_check(check, self._store)
        except Invalid as error:
            self._store.refer(key, frozenset())
            self._reject(key, held, error.problems)
        except Rejected as error:
            self._reject(key, held, error.problems)
        else:
            self._accept(key, held, check, plan)

    def _accept(self, key: CheckKey, held: HeldCheck, check: Check, plan: CheckPlan) -> None:
        changed = False
        if check.spec.suspend:
            self._unplan(key)
            ready, message = ReadyReason.SUSPENDED, "Not probed: spec.suspend is true."
        else:
            changed = self._plan(key, plan)
            ready, message = ReadyReason.PROBING, f"Probed every {check.spec.period_seconds} s."
        admission = Admission(
            generation=held.generation,
            accepted=AcceptedReason.ACCEPTED,
            accepted_message="The spec is valid and all that it refers to is usable.",
            ready=ready,
            ready_message=message,
        )
        self._decide(key, held, admission, plan if changed else None)

    def _reject(self, key: CheckKey, held: HeldCheck, problems: tuple[Problem, ...]) -> None:
        self._unplan(key)
        self._decide(
            key,
            held,
            Admission(
                generation=held.generation,
                accepted=problems[0].reason,
                accepted_message="; ".join(map(str, problems)),
                ready=ReadyReason.NOT_ACCEPTED,
                ready_message="Not probed: the Check is not accepted.",
            ),
        )

    def _decide(
        self, key: CheckKey, held: HeldCheck, admission: Admission, plan: CheckPlan | None = None
    ) -> None:
        self._ready[key] = admission.ready
        self._reporter.decided(key, held.uid, admission, plan, pools=(self._pool,))

    def _look_settled(self) -> None:
        if self._queue.idle and not self._stale.is_set():
            self._settled.set()

    def _plan(self, key: CheckKey, plan: CheckPlan) -> bool:
        """Place a Check in the plan; return whether that is news."""
        if self._plans.get(key) == plan:
            return False
        self._plans[key] = plan
        self._stale.set()
        return True

    def _unplan(self, key: CheckKey) -> None:
        if self._plans.pop(key, None) is not None:
            self._stale.set()
