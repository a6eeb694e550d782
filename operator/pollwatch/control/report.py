"""Brings together what the control plane decided and what the data plane found: the status.

Bookkeeping; `writer` does the writing, when its turn has come. That a verdict changed is logged
here, as it is found: also while the API server is away.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from pollwatch.control.data_plane import DataPlane
from pollwatch.control.slices import Slices
from pollwatch.control.status import Admission, desired_status, has_verdict
from pollwatch.control.store import Store
from pollwatch.control.writer import StatusWrite
from pollwatch.plan.checks import CheckKey, CheckPlan
from pollwatch.plan.clock import Clock
from pollwatch.plan.states import CheckState, Verdict

FIRST_VERDICT = 2.0
"""Seconds that the first status of a new Check waits for its first verdict: one write, not two."""

GRACE = 10.0
"""Seconds above period and timeout until a verdict that was held before is given up."""

SWEEP = 0.5
"""Seconds between looks at who has waited long enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    uid: str
    admission: Admission


class Reporter:
    """Knows what the status of each Check should be."""

    def __init__(
        self,
        *,
        store: Store,
        data_plane: DataPlane,
        offer: Callable[[CheckKey], None],
        clock: Clock,
    ) -> None:
        """Wire it.

        Args:
            store: what the API server holds.
            data_plane: whose findings are reported.
            offer: called for each Check whose status may have to be written.
            clock: now.
        """
        self._store = store
        self._data_plane = data_plane
        self._offer = offer
        self._clock = clock
        self._decided: dict[CheckKey, _Decided] = {}
        self._states: dict[CheckKey, CheckState] = {}
        self._patience: dict[CheckKey, float] = {}
        """Until when (monotonic) a Check without a verdict may keep the status it has."""
        self._log = structlog.get_logger("pollwatch.report")

    def decided(
        self,
        key: CheckKey,
        uid: str,
        admission: Admission,
        plan: CheckPlan | None,
        *,
        pools: tuple[str, ...],
        quorum: int = 1,
    ) -> None:
        """Take in what became of a Check.

        Args:
            key: the Check.
            uid: its identity.
            admission: what became of its current generation.
            plan: what is going to be probed, when that is new.
            pools: where it is probed from.
            quorum: from how many of them it has to be Down to be it.
        """
        del pools, quorum
        before = self._decided.get(key)
        self._decided[key] = _Decided(uid=uid, admission=admission)
        if not admission.probed or (before is not None and before.uid != uid):
            self._states.pop(key, None)
            self._patience.pop(key, None)
        # The data plane's verdict stands until a sample under the new plan says otherwise.
        if plan is not None and not has_verdict(self._states.get(key)):
            held = self._store.checks[key].status
            patience = FIRST_VERDICT if held is None else plan.period + plan.timeout + GRACE
            self._patience[key] = self._clock.monotonic() + patience
        self._offer(key)

    def forget(self, key: CheckKey) -> None:
        """Drop a Check that is gone."""
        self._decided.pop(key, None)
        self._states.pop(key, None)
        self._patience.pop(key, None)

    def due(self, key: CheckKey) -> StatusWrite | None:
        """Say what has to be written for a Check now; `None` when nothing has."""
        check = self._store.checks.get(key)
        decided = self._decided.get(key)
        if check is None or decided is None or decided.uid != check.uid:
            return None
        if decided.admission.generation != check.generation:
            return None
        state = self._states.get(key)
        patient = key in self._patience
        if patient and check.status is None and not has_verdict(state):
            return None
        wanted = desired_status(
            decided.admission,
            state=state,
            held=check.status,
            patient=patient,
            now=self._clock.time(),
        )
        if wanted == check.status:
            return None
        return StatusWrite(uid=check.uid, before=check.status, after=wanted)

    async def run(self) -> None:
        """Take in what the data plane finds, for ever."""
        slices = Slices(self._clock)
        while True:
            await self._data_plane.wait()
            await self._take(slices)

    async def catch_up(self) -> None:
        """Take in what the data plane has found until now."""
        await self._take(Slices(self._clock))

    async def _take(self, slices: Slices) -> None:
        while True:
            found = self._data_plane.take()
            if not found:
                return
            for one in found:
                self._found(one.state)
                await slices.breathe()

    def _found(self, state: CheckState) -> None:
        decided = self._decided.get(state.key)
        if decided is None or decided.uid != state.uid or not decided.admission.probed:
            return
        self._log_turn(self._verdict(state.key), state)
        self._states[state.key] = state
        if has_verdict(state):
            self._patience.pop(state.key, None)
        self._offer(state.key)

    def _verdict(self, key: CheckKey) -> Verdict:
        """Give the verdict that was found last, maybe by the operator before this one."""
        if key in self._states:
            return self._states[key].verdict
        held = self._store.checks[key].status if key in self._store.checks else None
        return held.verdict if held is not None else Verdict.UNKNOWN

    def _log_turn(self, before: Verdict, state: CheckState) -> None:
        if state.verdict is before:
            return
        self._log.info(
            "verdict changed",
            check=str(state.key),
            before=before.value,
            after=state.verdict.value,
            up=state.up,
            total=state.total,
            reason=state.reason.value if state.reason is not None else "",
            address=state.address,
        )

    async def sweep(self) -> None:
        """Let go of what has been waited for long enough, for ever."""
        while True:
            await asyncio.sleep(SWEEP)
            now = self._clock.monotonic()
            late = [key for key, until in self._patience.items() if until <= now]
            for key in late:
                del self._patience[key]
                self._offer(key)
