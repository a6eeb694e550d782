"""What is told again by whoever leads next, lest it was lost with who led before.

A leader that dies between the status and the Event leaves a status which says that all was told. An
Event has the same name whoever posts it, so the API server refuses it where it was posted after all.
"""

from collections.abc import Callable

from pollwatch.control.conditions import rfc3339_micro, unix_seconds
from pollwatch.control.data_plane import Found
from pollwatch.control.news import News, known_news, standing_news
from pollwatch.control.status import CheckStatus, Standing
from pollwatch.plan.checks import CheckKey

RECENT = 900.0
"""Seconds that an Event is posted again after: well below the hour for which the API server keeps
Events, so that none comes back."""

WORD = 60.0
"""Seconds that what a status says waits for what led to it, which a worker may still tell: longer than
that is waited for, mostly, so that what is told then comes after it."""


class Restatements:
    """What statuses say, until what led to it has been told again. Belongs to one event loop."""

    def __init__(self, repeat: Callable[[News], None]) -> None:
        """Wire it; `repeat` is called for each, after what came before."""
        self._repeat = repeat
        self._waiting: dict[CheckKey, tuple[News, float]] = {}

    def add(self, said: News, *, now: float) -> None:
        """Have it told again soon; `now` in monotonic seconds."""
        self._waiting[said.key] = (said, now + WORD)

    def tell(self, key: CheckKey) -> None:
        """Tell what the status of a Check says: what comes now comes after that."""
        if key in self._waiting:
            self._repeat(self._waiting.pop(key)[0])

    def tell_overdue(self, now: float) -> None:
        """Tell what has waited long enough; `now` in monotonic seconds."""
        for key in [key for key, (_, until) in self._waiting.items() if until <= now]:
            self.tell(key)

    def forget(self, key: CheckKey) -> None:
        """Drop what waits of a Check that is gone."""
        self._waiting.pop(key, None)

    def clear(self) -> None:
        """Drop all."""
        self._waiting.clear()


def restated(key: CheckKey, uid: str, status: CheckStatus, *, now: float) -> News | None:
    """Say again what a status says that another leader wrote; `None`: that is no news.

    Args:
        key: the Check.
        uid: its identity.
        status: the one that is held.
        now: Unix seconds.
    """
    # One that is to come was a moment ago, most likely: the worker's clock is ahead, or ours behind.
    if now - unix_seconds(status.last_transition_time) > RECENT:
        return None
    return standing_news(key, uid, status)


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
        return None if is_told else standing_news(state.key, state.uid, status)
    return known_news(state)
