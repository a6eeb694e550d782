"""Brings together what the control plane decided and what the data plane found: the status.

Bookkeeping; `writer` does the writing, when its turn has come. That a verdict changed is told as it
is found: in the log, and as an Event. Status and Events can be worked out again from what Kubernetes
holds and what the feeds replay, by this process or by the next leader, with the same outcome.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from pollwatch.control.alerting.outcomes import NO_ALERTS, Alerts, Silence
from pollwatch.control.conditions import unix_seconds
from pollwatch.control.data_plane import DataPlane, Found
from pollwatch.control.decision import Decision
from pollwatch.control.locations import Location
from pollwatch.control.news import News, admission_news, alerts_news, standing_news, turn_news
from pollwatch.control.patience import Patience
from pollwatch.control.record import Record, VerdictTurn
from pollwatch.control.retelling import Restatements, restated, retold
from pollwatch.control.status import Admission, CheckStatus, desired_status, has_verdict
from pollwatch.control.store import HeldCheck, Store
from pollwatch.control.untold import Untold
from pollwatch.control.writer import StatusWrite
from pollwatch.plan.checks import CheckKey, CheckPlan
from pollwatch.plan.clock import Clock
from pollwatch.plan.states import Verdict
from pollwatch.worker.slices import Slices

FIRST_VERDICT = 2.0
"""Seconds that the first status of a new Check waits for its first verdict: one write, not two."""

SETTLE = 3.0
"""Seconds that what one of several pools tells waits for the others, when we begin to report."""

SUSPENSE = 5.0
"""Seconds that a Check may be out of the Plan without being another one to its workers."""

SWEEP = 0.5
"""Seconds between looks at who has waited long enough."""


class Reporter:
    """Knows what the status of each Check should be."""

    def __init__(
        self,
        *,
        store: Store,
        data_plane: DataPlane,
        offer: Callable[[CheckKey], None],
        tell: Callable[[News], None],
        repeat: Callable[[News], None],
        met_defect: Callable[[], None],
        clock: Clock,
        alerts: Alerts = NO_ALERTS,
    ) -> None:
        """Wire it.

        Args:
            store: what the API server holds.
            data_plane: whose findings are reported.
            offer: called for each Check whose status may have to be written.
            tell: called for what is news.
            repeat: called for what was news, and was told unless the one who should have died.
            met_defect: called for each defect, beside the log.
            clock: now.
            alerts: knows what became of alert rules.
        """
        self._store = store
        self._data_plane = data_plane
        self._alerts = alerts
        self._offer = offer
        self._tell = tell
        self._repeat = repeat
        self._met_defect = met_defect
        self._clock = clock
        self._decided: dict[CheckKey, Decision] = {}
        self._records: dict[CheckKey, Record] = {}
        self._restatements = Restatements(repeat)
        self._untold = Untold(self._tell_after)
        self._patience = Patience()
        self._settling: dict[CheckKey, float] = {}
        """Until when (monotonic) a Check of several pools waits for all of them."""
        self._log = structlog.get_logger("pollwatch.report")

    def begin(self) -> None:
        """Begin to report: from what Kubernetes holds, for somebody else may have reported meanwhile."""
        self._records.clear()
        self._settling.clear()
        self._patience.clear()
        self._untold.clear()
        self._restatements.clear()
        now = self._clock.monotonic()
        for key, decided in self._decided.items():
            if decided.admission.planned:
                is_new = key not in self._store.checks or self._store.checks[key].status is None
                for pool in decided.pools:
                    seconds = decided.expected if is_new else decided.patience(pool)
                    self._patience.wait(key, pool, until=now + seconds)
            self._restate(key, decided.uid)
            self._offer(key)

    def decided(
        self,
        key: CheckKey,
        uid: str,
        admission: Admission,
        plan: CheckPlan | None,
        *,
        pools: tuple[str, ...],
        quorum: int = 1,
        rate: float | None = None,
        starting: frozenset[str] = frozenset(),
    ) -> None:
        """Take in what became of a Check.

        Args:
            key: the Check.
            uid: its identity.
            admission: what became of its current generation.
            plan: what is going to be probed, when that is new.
            pools: where it is probed from; empty when it is not in the Plan.
            quorum: from how many of them it has to be Down to be it.
            rate: probes a second, where the slowest of its pools holds it to fewer than its period asks for.
            starting: those of its pools that are coming up: what is held of it stands until they are there.
        """
        before = self._decided.get(key)
        if before is not None and before.uid != uid:
            self.forget(key)
            before = None
        if before is None:
            self._restate(key, uid)
        now = self._clock.monotonic()
        unplanned_since = None if admission.planned else now
        if before is not None and before.unplanned_since is not None:
            if admission.planned and now - before.unplanned_since > SUSPENSE:
                self._drop_found(key)
            elif not admission.planned:
                unplanned_since = before.unplanned_since
        self._decided[key] = Decision(
            uid=uid,
            admission=admission,
            pools=pools,
            quorum=quorum,
            plan=plan or (before.plan if before is not None else None),
            rate=rate,
            starting=starting,
            unplanned_since=unplanned_since,
        )
        if admission.planned:
            self._wait_for_verdicts(key, self._decided[key], anew=plan is not None)
        else:
            self._patience.forget(key)
        self._offer(key)

    def forget(self, key: CheckKey) -> None:
        """Drop a Check that is gone."""
        self._decided.pop(key, None)
        self._restatements.forget(key)
        self._drop_found(key)

    def due(self, key: CheckKey) -> StatusWrite | None:
        """Say what has to be written for a Check now; `None` when nothing has."""
        check, decided = self._store.checks.get(key), self._decided.get(key)
        if check is None or decided is None or decided.uid != check.uid or key in self._settling:
            return None
        if decided.admission.generation != check.generation:
            return None
        self._keep_up(key, check.status)
        record = self._records.get(key)
        found = self._found_in_pools(key, check, decided) if decided.admission.planned else ()
        alerts = self._alerts.outcome(key, uid=check.uid, generation=check.generation)
        if (found is None and check.status is None) or alerts is Silence.WAIT:
            return None
        wanted = desired_status(
            decided.admission,
            found=found,
            quorum=decided.quorum,
            standing=record.standing if record is not None else None,
            alerts=alerts,
            held=check.status,
            now=self._clock.time(),
        )
        if wanted == check.status:
            if record is not None:
                record.confirm(wanted.standing)
            self._untold.shown(key, wanted.standing)
            return None
        return StatusWrite(
            uid=check.uid,
            resource_version=check.resource_version,
            before=check.status,
            after=wanted,
            standing=record.standing if record is not None else None,
        )

    def written(self, key: CheckKey, write: StatusWrite) -> None:
        """Take in that a status was written: tell what in it was not told as it was found."""
        for told in (
            admission_news(key, write.uid, write.before, write.after),
            alerts_news(key, write.uid, write.before, write.after),
        ):
            if told is not None:
                self._tell_after(told)
        record = self._records.get(key)
        if record is not None:
            record.confirm(write.after.standing)
        if write.standing is not None:
            before = write.standing.verdict
        else:
            before = write.before.verdict if write.before is not None else Verdict.UNKNOWN
        if write.after.verdict is before:
            self._untold.shown(key, write.after.standing)
            return
        self._untold.overtake(key)
        held = write.before.told if write.before is not None else None
        known = held if before is Verdict.UNKNOWN else before
        if record is not None and record.standing == write.standing:
            record.stand(write.after.standing, told=write.after.told)
        self._log_turn(key, before, write.after.verdict)
        told = standing_news(key, write.uid, write.after, told=known)
        if told is not None:
            self._tell_after(told)

    async def run(self) -> None:
        """Take in what the data plane finds, for ever."""
        slices = Slices(self._clock)
        while True:
            await self._data_plane.wait()
            await self._take(slices)

    async def catch_up(self) -> None:
        """Take in what the data plane has found until now."""
        await self._take(Slices(self._clock))

    async def sweep(self) -> None:
        """Let go of what has been waited for long enough, for ever."""
        while True:
            await asyncio.sleep(SWEEP)
            self.sweep_once()

    def sweep_once(self) -> None:
        """Let go of what has been waited for long enough."""
        now = self._clock.monotonic()
        self._restatements.tell_overdue(now)
        for key in [key for key, until in self._settling.items() if until <= now]:
            with self._isolated(key):
                self._settle(key)
        for key, pools in self._patience.over(now):
            with self._isolated(key):
                self._give_up(key, pools)

    def _give_up(self, key: CheckKey, pools: Sequence[str]) -> None:
        """Wait no longer for pools whose time is over."""
        record = self._records.get(key)
        for pool in pools:
            self._patience.end(key, pool)
            if record is not None:
                record.give_up(pool, now=self._clock.time())
        self._offer(key)

    async def _take(self, slices: Slices) -> None:
        while True:
            found = self._data_plane.take()
            if not found:
                return
            for one in found:
                with self._isolated(one.state.key):
                    self._found(one)
                await slices.breathe()

    @contextmanager
    def _isolated(self, key: CheckKey) -> Iterator[None]:
        """Let a defect that one Check meets end here, told: the others go on."""
        try:
            yield
        except Exception:  # noqa: BLE001 - logged with its traceback
            self._met_defect()
            self._log.exception("reporting on a Check met a defect", check=str(key))

    def _found(self, found: Found) -> None:
        state, pool = found.state, found.pool
        key = state.key
        decided = self._decided.get(key)
        if decided is None or decided.uid != state.uid or not decided.admission.planned:
            return
        if pool not in decided.pools:
            return
        if not has_verdict(state):
            # Nobody vouches any more for what was found before: the worker was started anew, say.
            known = self._records.get(key)
            if known is not None:
                known.note(found)
                if pool in known.states and pool not in self._patience.of_check(key):
                    self._patience.wait(key, pool, until=self._clock.monotonic() + decided.expected)
            return
        record = self._record(key, decided)
        for known_already in record.note(found):
            self._retell(known_already, record, decided)
        if found.history:
            return
        self._restatements.hear(key, time=self._clock.time() - found.behind)
        self._patience.end(key, pool)
        if key not in self._settling or record.states.keys() >= set(decided.pools):
            self._settle(key)

    def _record(self, key: CheckKey, decided: Decision) -> Record:
        record = self._records.get(key)
        if record is None:
            held = self._store.checks[key].status if key in self._store.checks else None
            record = self._records[key] = Record.begin(decided.uid, held, decided.pools)
            if len(decided.pools) > 1:
                self._settling[key] = self._clock.monotonic() + SETTLE
        return record

    def _keep_up(self, key: CheckKey, status: CheckStatus | None) -> None:
        """Begin a Check anew when the status that was begun from turns out to have been an old one.

        A watch may lag behind who led before: what it wrote last is seen when our write is refused.
        """
        record, decided = self._records.get(key), self._decided.get(key)
        if record is None or decided is None or status is None or not record.is_outdated(status.standing):
            return
        if self._untold.shown(key, status.standing):
            # Ours, and the answer was lost; or somebody else found the same.
            record.confirm(status.standing)
            return
        self._untold.forget(key)
        del self._records[key]
        anew = self._record(key, decided)
        for found in record.unconfirmed():
            for known_already in anew.note(found):
                self._retell(known_already, anew, decided)
        self._settle(key)

    def _settle(self, key: CheckKey) -> None:
        """Tell the turns of a Check that have become known."""
        self._settling.pop(key, None)
        record, decided = self._records.get(key), self._decided.get(key)
        if record is None or decided is None:
            return
        for turn in record.turns(quorum=decided.quorum):
            self._log_turn(key, turn.before, turn.after, turn)
            news = turn_news(key, record.uid, turn, locations=len(decided.pools))
            self._untold.add(key, turn.standing, news)
        self._offer(key)

    def _retell(self, found: Found, record: Record, decided: Decision) -> None:
        """Have the Event of a turn posted again that the last leader knew, lest it was lost with it."""
        held = self._store.checks.get(found.state.key)
        if held is None or held.status is None or len(decided.pools) > 1:
            return
        told = retold(found, held.status, record.standing, now=self._clock.time())
        if told is not None:
            self._repeat(told)

    def _restate(self, key: CheckKey, uid: str) -> None:
        """Have the Event posted again that the status speaks of, lest it was lost with the last leader."""
        held = self._store.checks.get(key)
        if held is None or held.status is None or held.uid != uid:
            return
        now, since = self._clock.time(), unix_seconds(held.status.last_transition_time)
        told = restated(key, uid, held.status, now=now)
        if told is not None:
            self._restatements.add(told, since=since, time=now, now=self._clock.monotonic())

    def _tell_after(self, said: News) -> None:
        """Tell what is new, after what was."""
        self._restatements.tell(said.key)
        self._tell(said)

    def _found_in_pools(
        self, key: CheckKey, check: HeldCheck, decided: Decision
    ) -> tuple[Location, ...] | None:
        """Give what is known in each pool; `None` while nothing is, and something may still come."""
        record = self._records.get(key)
        seen = [record.location(pool) if record is not None else None for pool in decided.pools]
        waits = [pool in self._patience.of_check(key) for pool in decided.pools]
        if any(waits) and not any(seen):
            return None
        held = {one.pool: one for one in check.status.locations} if check.status is not None else {}
        return tuple(
            location or (held.get(pool) if waiting else None) or Location(pool=pool, verdict=Verdict.UNKNOWN)
            for pool, location, waiting in zip(decided.pools, seen, waits, strict=True)
        )

    def _wait_for_verdicts(self, key: CheckKey, decided: Decision, *, anew: bool) -> None:
        """Wait for verdicts of a Check that is planned anew, or that no worker has for now."""
        record = self._records.get(key)
        if record is not None:
            record.move_to(decided.pools)
        self._patience.move_to(key, decided.pools)
        idle, now = not decided.admission.probed, self._clock.monotonic()
        held = self._store.checks[key].status
        # The data plane's verdict stands until a sample under the new plan says otherwise.
        for pool in decided.pools:
            silent = record is None or record.location(pool) is None
            is_waiting = pool in self._patience.of_check(key)
            is_endless = self._patience.is_endless(key, pool)
            seconds = decided.patience(pool) if silent and held is not None else decided.expected
            # It has begun to come up, or has come up.
            turned = is_endless != math.isinf(seconds)
            if turned or (silent and anew) or (idle and not is_waiting):
                self._patience.wait(key, pool, until=now + (FIRST_VERDICT if held is None else seconds))

    def _drop_found(self, key: CheckKey) -> None:
        self._records.pop(key, None)
        self._settling.pop(key, None)
        self._untold.forget(key)
        self._patience.forget(key)

    def _log_turn(
        self, key: CheckKey, before: Verdict, after: Verdict, turn: VerdictTurn | None = None
    ) -> None:
        details: dict[str, object] = {}
        if turn is not None:
            state = turn.state
            details = {
                "pool": turn.pool,
                "up": state.up,
                "total": state.total,
                "reason": state.reason.value if state.reason is not None else "",
                "address": state.address,
            }
        self._log.info("verdict changed", check=str(key), before=before.value, after=after.value, **details)
