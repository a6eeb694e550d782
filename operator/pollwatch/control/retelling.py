"""What is told again by whoever leads next, lest it was lost with who led before.

A leader that dies between the status and the Event leaves a status which says that all was told. An
Event has the same name whoever posts it, so the API server refuses it where it was posted after all.
"""

from collections.abc import Callable
from typing import NamedTuple

from pollwatch.control.conditions import rfc3339_micro, unix_seconds
from pollwatch.control.data_plane import Found
from pollwatch.control.news import News, known_news, standing_news
from pollwatch.control.status import CheckStatus, Standing
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.states import CheckState, Verdict

RECENT = 900.0
"""Seconds that an Event is posted again after: well below the hour for which the API server keeps
Events, so that none comes back."""

SAME = 60.0
"""Seconds by which workers may differ about when a turn was that all of them saw: one of them may have
got the Check only then, and it has timeouts to wait for."""

OLDEST = 86_400.0 + RECENT
"""Seconds since a turn, by our clock, up to which that of a worker may show that it was a moment ago."""

WORD = 60.0
"""Seconds that what a status says waits for what led to it, which a worker may still tell: longer than
that is waited for, mostly, so that what is told then comes after it."""


class _Waiting(NamedTuple):
    said: News
    since: float
    """When it began, Unix seconds, by whatever clock."""
    until: float
    """Monotonic seconds."""
    is_old: bool
    """Whether it is too old by our clock: it may be that of the worker, hours behind, that tells it."""


class Restatements:
    """What statuses say, until what led to it has been told again. Belongs to one event loop."""

    def __init__(self, repeat: Callable[[News], None]) -> None:
        """Wire it; `repeat` is called for each, after what came before."""
        self._repeat = repeat
        self._waiting: dict[CheckKey, _Waiting] = {}

    def add(self, said: News, *, since: float, time: float, now: float) -> None:
        """Have it told again soon.

        Args:
            said: what the status says.
            since: when that began.
            time: Unix seconds of now.
            now: monotonic seconds.
        """
        self._waiting[said.key] = _Waiting(said, since, now + WORD, is_old=time - since > RECENT)

    def hear(self, key: CheckKey, *, time: float) -> None:
        """Tell what the status of a Check says, if that is news.

        Args:
            key: the Check.
            time: what the clock of the worker shows that speaks of it now, Unix seconds.
        """
        waiting = self._waiting.get(key)
        if waiting is None:
            return
        if not waiting.is_old:
            self.tell(key)
        elif -SAME <= time - waiting.since <= RECENT:
            del self._waiting[key]
            self._repeat(waiting.said)

    def tell(self, key: CheckKey) -> None:
        """Tell what the status of a Check says, unless it is old: what comes now comes after that."""
        waiting = self._waiting.pop(key, None)
        if waiting is not None and not waiting.is_old:
            self._repeat(waiting.said)

    def tell_overdue(self, now: float) -> None:
        """Tell what has waited long enough; `now` in monotonic seconds."""
        for key in [key for key, waiting in self._waiting.items() if waiting.until <= now]:
            self.tell(key)

    def forget(self, key: CheckKey) -> None:
        """Drop what waits of a Check that is gone."""
        self._waiting.pop(key, None)

    def clear(self) -> None:
        """Drop all."""
        self._waiting.clear()


def restated(key: CheckKey, uid: str, status: CheckStatus, *, now: float) -> News | None:
    """Say again what a status says that another leader wrote; `None`: that is no news by any clock.

    Args:
        key: the Check.
        uid: its identity.
        status: the one that is held.
        now: Unix seconds.
    """
    # One that is to come was a moment ago, most likely: the worker's clock is ahead, or ours behind.
    if now - unix_seconds(status.last_transition_time) > OLDEST:
        return None
    return _standing(key, uid, status)


def retold(found: Found, status: CheckStatus, standing: Standing, *, now: float) -> News | None:
    """Say again what a worker found, and is no turn to this leader; `None`: that is no news.

    Args:
        found: of a Check with one pool.
        status: the one that is held.
        standing: the verdict on the Check that is known.
        now: Unix seconds.
    """
    state = found.state
    age = now - state.since
    if not (age <= RECENT if found.recent is None else found.recent):
        return None
    if state.verdict is standing.verdict:
        # The turn that stands is told by the status: by `restated`, unless a clock is so far behind
        # ours that its time tells nothing. Another worker, which had the Check before or after, may
        # have seen it a moment earlier or later, which is no Event of its own.
        is_told = age <= RECENT or rfc3339_micro(state.since) != status.last_transition_time
        return None if is_told else _standing(state.key, state.uid, status)
    return known_news(state, since=status.previous_since if _is_previous(state, status) else "")


def _is_previous(state: CheckState, status: CheckStatus) -> bool:
    """Whether a state is the one before that of the status, maybe as another worker saw it."""
    if state.verdict is not status.previous or not status.previous_since:
        return False
    return state.since >= unix_seconds(status.previous_since) - SAME


def _standing(key: CheckKey, uid: str, status: CheckStatus) -> News | None:
    before = status.previous if status.previous is not Verdict.UNKNOWN else None
    return standing_news(key, uid, status, told=before)
