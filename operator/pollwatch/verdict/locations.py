"""The verdict on a Check that is probed from several locations, from those of its pools."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from pollwatch.plan.states import Verdict


class Turn(NamedTuple):
    """A location's verdict became another one."""

    since: float
    """Unix seconds, by the clock of the worker there."""
    pool: str
    verdict: Verdict


class Change(NamedTuple):
    """The verdict over all locations became another one."""

    turn: Turn
    """The turn that made it so."""
    before: Verdict
    after: Verdict


def majority(locations: int) -> int:
    """Give the smallest number that is more than half of so many locations."""
    return locations // 2 + 1


def combine_locations(verdicts: Collection[Verdict], *, quorum: int) -> Verdict:
    """Give the one verdict for locations that have these.

    A Check is `Down` when it is from at least `quorum` locations: one location that cannot
    reach it may have a trouble of its own. Below that, it fails for some: `Degraded`.
    Locations that are `Unknown` have no say, unless nothing else is known.

    Args:
        verdicts: one for each location.
        quorum: 1 or more. With one location and a quorum of 1, its verdict is the verdict.
    """
    known = [verdict for verdict in verdicts if verdict is not Verdict.UNKNOWN]
    if not known:
        return Verdict.UNKNOWN
    if known.count(Verdict.DOWN) >= quorum:
        return Verdict.DOWN
    return Verdict.UP if set(known) == {Verdict.UP} else Verdict.DEGRADED


def changes(held: Mapping[str, Verdict], turns: Iterable[Turn], *, quorum: int) -> Iterator[Change]:
    """Replay what the locations went through, and give each change of the verdict over all.

    The turns of several locations are put in the order of their times, so that the same
    turns give the same changes in whichever order they became known.

    Args:
        held: the verdict of each location before the first turn.
        turns: what they went through since.
        quorum: see `combine_locations`.
    """
    now = dict(held)
    before = combine_locations(now.values(), quorum=quorum)
    for turn in sorted(turns):
        now[turn.pool] = turn.verdict
        after = combine_locations(now.values(), quorum=quorum)
        if after is not before:
            yield Change(turn, before, after)
        before = after
