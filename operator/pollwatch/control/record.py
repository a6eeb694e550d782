"""What has been found of one Check since this process reports on it, and the turns in that."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pollwatch.control.conditions import rfc3339_micro
from pollwatch.control.data_plane import Found
from pollwatch.control.locations import Location, location_of
from pollwatch.control.status import CheckStatus, Standing, has_verdict
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.verdict.locations import Turn, changes, combine_locations

UNCONFIRMED = 256
"""Findings that are kept until Kubernetes shows what they led to."""


class VerdictTurn(NamedTuple):
    """The verdict on a Check became another one."""

    before: Verdict
    after: Verdict
    since: str
    """RFC 3339."""
    pool: str
    state: CheckState
    """What the pool said that made it so."""
    told: Verdict | None
    """The verdict that people knew of until then; `None`: there was none yet."""

    @property
    def standing(self) -> Standing:
        """The verdict that it led to."""
        return Standing(self.after, self.since)


@dataclass(slots=True, kw_only=True)
class Record:
    """One Check.

    It begins with what Kubernetes holds, so that what a feed replays is told from what is new: a turn is
    new when the feed has it after the last one that is known of its pool, whatever the worker's clock
    says; where the feed does not have that one, when it began later, or comes after one that did.
    """

    uid: str
    standing: Standing
    """The verdict over all pools after the last turn."""
    told: Verdict | None
    """The verdict that people know of; `None`: there has been none yet."""
    basis: Standing | None
    """What Kubernetes held when this was begun, or was last known to hold."""
    states: dict[str, CheckState] = field(default_factory=dict)
    """By pool: what holds now."""
    _told: dict[str, Standing] = field(default_factory=dict)
    """By pool: the verdict after its last turn that was told."""
    _known: dict[str, Standing] = field(default_factory=dict)
    """By pool: the verdict after its last turn, told or waiting."""
    _past: dict[str, list[Found]] = field(default_factory=dict)
    """By pool: history, in its order, until what it led to is found."""
    _waiting: list[tuple[Turn, CheckState]] = field(default_factory=list)
    """Turns that were not told yet, and what was found then. Their times only put them in order."""
    _unconfirmed: tuple[Found, ...] = ()
    """What was found since Kubernetes was known to hold `basis`."""

    @classmethod
    def begin(cls, uid: str, held: CheckStatus | None, pools: Collection[str]) -> "Record":
        """Begin with the status that Kubernetes holds."""
        unknown = Standing(Verdict.UNKNOWN, "")
        if held is None:
            known = dict.fromkeys(pools, unknown)
            return cls(uid=uid, standing=unknown, told=None, basis=None, _told=known, _known=dict(known))
        standing = held.standing
        if len(pools) == 1:
            known = dict.fromkeys(pools, standing)
        else:
            seen = {one.pool: Standing(one.verdict, one.since) for one in held.locations}
            known = {pool: seen.get(pool, unknown) for pool in pools}
        return cls(
            uid=uid, standing=standing, told=held.told, basis=standing, _told=known, _known=dict(known)
        )

    def confirm(self, standing: Standing) -> None:
        """Take in what Kubernetes holds now: it comes of what was found here."""
        self.basis, self._unconfirmed = standing, ()

    def is_outdated(self, standing: Standing) -> bool:
        """Whether this was begun from an old status, going by the one that Kubernetes holds now.

        A status that differs where nothing was found since is older, or somebody has spoilt it.
        """
        if standing == self.basis:
            return False
        return bool(self._unconfirmed) or (self.basis is not None and standing.since > self.basis.since)

    def unconfirmed(self) -> Iterator[Found]:
        """Give what has to be noted by who begins anew: of each pool the last is how it is now."""
        since = {found.pool for found in self._unconfirmed}
        yield from (Found(pool=pool, state=state) for pool, state in self.states.items() if pool not in since)
        last = {found.pool: place for place, found in enumerate(self._unconfirmed)}
        for place, found in enumerate(self._unconfirmed):
            yield replace(found, history=found.history or last[found.pool] != place)

    def move_to(self, pools: Collection[str]) -> None:
        """Go on with these pools only; nothing is known of those that are new."""
        for pool in self._known.keys() - set(pools):
            for known in (self.states, self._told, self._known, self._past):
                known.pop(pool, None)
        for pool in pools:
            self._told.setdefault(pool, Standing(Verdict.UNKNOWN, ""))
            self._known.setdefault(pool, Standing(Verdict.UNKNOWN, ""))
        self._waiting = [(turn, state) for turn, state in self._waiting if turn.pool in pools]

    def location(self, pool: str) -> Location | None:
        """Give what holds in a pool; `None` when it has not said anything yet."""
        state = self.states.get(pool)
        return location_of(pool, state, self._known[pool].since) if has_verdict(state) and state else None

    def note(self, found: Found) -> Sequence[Found]:
        """Take in what a pool found. History counts once the state is found that it led to.

        Returns:
            What of it is no turn, or one that is known already.
        """
        pool = found.pool
        self._unconfirmed = (*self._unconfirmed, found)[-UNCONFIRMED:]
        if found.history:
            self._past.setdefault(pool, []).append(found)
            return ()
        told = self._past.pop(pool, [])
        if has_verdict(found.state):
            self.states[pool] = found.state
            told.append(found)
        following = self._following(pool, told)
        known = told[:following]
        began, latest, later = _began(told), self._known[pool].since, set[str]()
        for place, one in enumerate(told[following:], following):
            verdict, since = one.state.verdict, rfc3339_micro(one.state.since)
            # Who had the Check meanwhile may have told something since, at whatever time.
            is_former = place < began[one.worker]
            began_at = rfc3339_micro(one.state.since + one.behind) if one.behind else since
            if began_at > latest and not is_former:
                latest = began_at
                later.add(one.worker)
            # What holds now holds, also where a clock that was set says that it began earlier.
            is_past = one.history and not following and (is_former or one.worker not in later)
            if is_past or verdict is self._known[pool].verdict:
                known.append(one)
            else:
                self._known[pool] = Standing(verdict, since)
                self._waiting.append((self._turn(pool, one.state), one.state))
        return known

    def _turn(self, pool: str, state: CheckState) -> Turn:
        """Put a turn among those of other pools by its time, and after those of its own that wait."""
        last = max((turn.since for turn, _ in self._waiting if turn.pool == pool), default=-math.inf)
        return Turn(max(state.since, math.nextafter(last, math.inf)), pool, state.verdict)

    def _following(self, pool: str, told: Sequence[Found]) -> int:
        """Give the place after the turn that is known last; 0: it is not among them."""
        verdict, since = self._known[pool].verdict, self._known[pool].since
        for place in range(len(told), 0, -1):
            state = told[place - 1].state
            if state.verdict is verdict and rfc3339_micro(state.since) == since:
                return place
        return 0

    def give_up(self, pool: str, *, now: float) -> None:
        """Take in that nobody can say any more how it is in a pool; `now` in Unix seconds."""
        self.states.pop(pool, None)
        self._told[pool] = self._known[pool] = Standing(Verdict.UNKNOWN, rfc3339_micro(now))

    def turns(self, *, quorum: int) -> Iterator[VerdictTurn]:
        """Tell the turns that were not told yet, each once."""
        waiting, self._waiting = self._waiting, []
        states = dict(waiting)
        held = {pool: known.verdict for pool, known in self._told.items()}
        known_before = any(told.since for told in self._told.values())
        self._told = dict(self._known)
        found = combine_locations([known.verdict for known in self._known.values()], quorum=quorum)
        if not known_before and found is self.standing.verdict:
            # Pools that are all new to the Check: together they find what stands already.
            if waiting:
                self.told = self.told or found
            return
        for change in changes(held, states, quorum=quorum):
            state = states[change.turn]
            since = rfc3339_micro(state.since)
            before, told = self.standing.verdict, self.told
            # What Kubernetes held of the whole may differ from what its pools added up to.
            if before is change.after:
                self.told = told or before
                continue
            self.stand(self.standing.followed_by(change.after, since), told=change.after)
            yield VerdictTurn(before, change.after, since, change.turn.pool, state, told)

    def stand(self, standing: Standing, *, told: Verdict | None) -> None:
        """Take in the verdict over all pools, and what people know of it."""
        self.standing, self.told = standing, told


def _began(told: Sequence[Found]) -> dict[str, int]:
    """Give where each worker began to probe the Check: it may have had it before, and lost it."""
    began: dict[str, int] = {}
    last: dict[str, Verdict] = {}
    for place, one in enumerate(told):
        if one.state.previous is Verdict.UNKNOWN and last.get(one.worker) is not Verdict.UNKNOWN:
            began[one.worker] = place
        began.setdefault(one.worker, place)
        last[one.worker] = one.state.verdict
    return began
