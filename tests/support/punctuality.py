"""What a server's record of requests says about who probed it: gaps, doubles, phases.

Times are those of one target, seconds, in order; a period is that of its Check.
"""

from __future__ import annotations

import math
import statistics
from itertools import combinations, pairwise, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_STILL_THE_SAME_SPELL = 1.5
"""Periods between two doubles that belong together."""


def longest_gap(times: Sequence[float], *, begin: float, end: float) -> float:
    """The longest time without a request between `begin` and `end`."""
    return max(later - earlier for earlier, later in _gaps(times, begin, end))


def overdue(
    times: Sequence[float],
    longest: float,
    *,
    begin: float,
    end: float,
    waited: Callable[[float, float], float],
) -> list[float]:
    """The gaps between `begin` and `end` that are too long, also when the machine's doing is taken off.

    Args:
        times: When requests came.
        longest: How long one may be, seconds.
        begin: From when on one counts.
        end: Until when.
        waited: Says how long the machine kept a process waiting between two moments.
    """
    return [
        later - earlier
        for earlier, later in _gaps(times, begin, end)
        if later - earlier > longest and later - earlier > longest + waited(earlier, later)
    ]


def _gaps(times: Sequence[float], begin: float, end: float) -> Iterator[tuple[float, float]]:
    return pairwise([begin, *(at for at in times if begin < at < end), end])


def doubled_for(times: Sequence[float], period: float) -> float:
    """For how long, at a stretch, more than one prober was at work.

    A double is a request within half a period of the one before: a prober alone is that early
    only with its first probe of a target, which it makes soon and then in its phase.
    """
    doubles = [later for earlier, later in pairwise(times) if later - earlier < period / 2]
    longest = 0.0
    begin = last = -math.inf
    for double in doubles:
        if double - last > _STILL_THE_SAME_SPELL * period:
            begin = double
        last = double
        longest = max(longest, last - begin)
    return longest


def shared(probers: Iterable[Sequence[float]], period: float) -> list[tuple[float, float]]:
    """When two of these probers were at work at the same time: begin and end of each stretch.

    Args:
        probers: When each of them asked.
        period: Each is at work from one request to the next, where that is not overdue by half a period.
    """
    spells = [list(_spells(times, 1.5 * period)) for times in probers]
    both = [
        (max(one_begin, other_begin), min(one_end, other_end))
        for one, other in combinations(spells, 2)
        for (one_begin, one_end), (other_begin, other_end) in product(one, other)
    ]
    return sorted((begin, end) for begin, end in both if begin < end)


def _spells(times: Sequence[float], longest: float) -> Iterator[tuple[float, float]]:
    """Begin and end of each stretch without a gap above `longest`."""
    begin = 0
    for number in range(1, len(times) + 1):
        if number == len(times) or times[number] - times[number - 1] > longest:
            yield times[begin], times[number - 1]
            begin = number


def phase(times: Sequence[float], period: float) -> float:
    """Where in the period the requests are, as a fraction of it: the middle one, around the circle."""
    fractions = [at / period % 1.0 for at in times]
    return min(fractions, key=lambda one: statistics.fmean(distance(one, other) for other in fractions))


def distance(one: float, other: float) -> float:
    """Between two phases, 0 to 0.5."""
    apart = abs(one - other) % 1.0
    return min(apart, 1.0 - apart)
