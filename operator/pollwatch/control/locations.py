"""What is known of a Check in each of its pools, and what that adds up to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pollwatch.plan.states import CheckState, Verdict
from pollwatch.verdict.locations import combine_locations

MAX_MESSAGE = 512
"""Longest message of a status, in characters."""

MAX_ADDRESS = 64
"""Longest address of a status, in characters."""

_BADNESS = {Verdict.UP: 0, Verdict.UNKNOWN: 1, Verdict.DEGRADED: 2, Verdict.DOWN: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A Check as one pool sees it."""

    pool: str
    verdict: Verdict
    since: str = ""
    """When `verdict` began, RFC 3339; empty where that is not known."""
    total: int = 0
    up: int = 0
    address: str = field(default="", compare=False)
    """Of the sample that made the verdict what it is; a status tells it of the worst location only."""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """A Check as all its pools see it together."""

    verdict: Verdict
    total: int
    up: int
    address: str
    """Of the pool that sees it worst."""
    reason: str
    message: str


def location_of(pool: str, state: CheckState, since: str) -> Location:
    """Make a location of what a pool's worker says."""
    failed = state.reason is not None
    return Location(
        pool=pool,
        verdict=state.verdict,
        since=since,
        total=state.total,
        up=state.up,
        address=state.address[:MAX_ADDRESS] if failed else "",
        reason=state.reason.value if state.reason is not None else "",
        message=state.evidence[:MAX_MESSAGE] if failed else "",
    )


def overall(locations: Sequence[Location], *, quorum: int) -> Overall:
    """Add up what the pools see; without any, nothing is known.

    With several, the message says from where it fails.
    """
    worst = max(locations, key=lambda one: _BADNESS[one.verdict] if one.reason else 0, default=None)
    message = worst.message if worst is not None else ""
    where = fails_from(locations) if len(locations) > 1 else ""
    return Overall(
        verdict=combine_locations([one.verdict for one in locations], quorum=quorum),
        total=sum(one.total for one in locations),
        up=sum(one.up for one in locations),
        address=worst.address if worst is not None else "",
        reason=worst.reason if worst is not None else "",
        message=": ".join(part for part in (where, message) if part)[:MAX_MESSAGE],
    )


def fails_from(locations: Sequence[Location]) -> str:
    """Say from which of several locations a Check fails; empty when it does from none."""
    failing = [one.pool for one in locations if one.verdict in (Verdict.DOWN, Verdict.DEGRADED)]
    if not failing:
        return ""
    if len(failing) == len(locations):
        return f"fails from all {len(locations)} locations"
    if len(failing) == 1:
        return f"fails from {failing[0]} only ({len(locations)} locations)"
    return f"fails from {', '.join(failing)} ({len(failing)} of {len(locations)} locations)"


def locations_document(locations: Sequence[Location]) -> list[dict[str, Any]]:
    """Return the locations as `status.locations` has them; what is not known is left out."""
    return [
        {
            "pool": one.pool,
            "verdict": one.verdict.value,
            "targets": {"total": one.total, "up": one.up, "summary": f"{one.up}/{one.total}"},
        }
        | {
            name: value
            for name, value in (("since", one.since), ("reason", one.reason), ("message", one.message))
            if value
        }
        for one in locations
    ]


def read_locations(documents: Any) -> tuple[Location, ...]:
    """Read `status.locations` as the API server holds it.

    It does not say the address of a location: that is in evidence and logs.
    """
    return tuple(
        Location(
            pool=document.get("pool", ""),
            verdict=read_verdict(document.get("verdict")),
            since=document.get("since") or "",
            total=(document.get("targets") or {}).get("total", 0),
            up=(document.get("targets") or {}).get("up", 0),
            reason=document.get("reason") or "",
            message=document.get("message") or "",
        )
        for document in documents or ()
    )


def read_verdict(text: Any) -> Verdict:
    """Read a verdict; `Unknown` where the text is none."""
    return Verdict(text) if text in frozenset(Verdict) else Verdict.UNKNOWN
