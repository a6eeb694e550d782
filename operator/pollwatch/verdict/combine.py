"""The verdict on a Check, from those on its targets."""

from collections.abc import Iterable

from pollwatch.plan.states import Verdict


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Give the one verdict that holds for all of these.

    Targets that are `Unknown` have no say, unless nothing else is known. Where the
    others agree, that is the verdict; where they do not, some visitors are served and
    some are not: `Degraded`.
    """
    known = set(verdicts) - {Verdict.UNKNOWN}
    if not known:
        return Verdict.UNKNOWN
    return known.pop() if len(known) == 1 else Verdict.DEGRADED
