"""What is told again by whoever leads next, lest it was lost with who led before.

A leader that dies between the status and the Event leaves a status which says that all was told. The
Event has the same name whoever posts it, so the API server refuses it where it was posted after all.
"""

from pollwatch.control.conditions import rfc3339_micro
from pollwatch.control.data_plane import Found
from pollwatch.control.news import News, known_news
from pollwatch.control.status import Standing

RECENT = 900.0
"""Seconds that an Event is posted again after: well below the hour for which the API server keeps
Events, so that none comes back."""


def retold(found: Found, standing: Standing, *, now: float) -> News | None:
    """Say again what a worker found, and is no turn to this leader; `None`: that is no news.

    Args:
        found: of a Check with one pool.
        standing: the verdict on the Check that is known.
        now: Unix seconds.
    """
    state = found.state
    told = known_news(found)
    if told is None or now - state.since > RECENT:
        return None
    if state.verdict is not standing.verdict:
        # It led to what stands, unless it came later: then it is about to be told as new.
        return told if rfc3339_micro(state.since) <= standing.since else None
    if found.claimed is not None:
        # Each reader has another time for it, so the one that stands tells nothing.
        return told
    # The verdict that stands began when it says. Another worker, which had the Check before or
    # after, may have seen the same turn a moment earlier or later: that is no Event of its own.
    return told if rfc3339_micro(state.since) == standing.since else None
