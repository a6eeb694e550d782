"""How many workers a pool needs: a pure decision from what probing costs and how late it is."""

import math
from dataclasses import dataclass, replace

from pollwatch.api.pool import AutoSize

MOST_AT_ONCE = 2.0
"""Factor by which the number may grow in one step: a wrong measurement does not start 64 pods."""

SHRINK_AFTER = 600.0
"""Seconds that fewer workers must have been enough, before one is taken away."""

SETTLE = 60.0
"""Seconds between two steps: the one before has to show in what is measured."""

MARGIN = 0.8
"""Share of the target that the rest must stay below after a worker is taken away: hysteresis."""

LATE = 0.25
"""Seconds of lateness (99th percentile) from which on a pool is too small, whatever it uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What probing takes."""

    planned: float
    """Cores that all Checks of the pool should take, by the measured costs of probes."""
    measured: float
    """Cores that all workers together use; 0 while nothing is known."""
    lateness: float
    """99th percentile of lateness on the latest worker, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many workers there are, and since when."""

    workers: int
    changed_at: float
    """When the number changed last, monotonic seconds."""
    idle_since: float | None = None
    """Since when fewer would be enough; `None`: they would not."""


def decide(autosize: AutoSize, load: Load, before: Size | None, *, now: float) -> Size:
    """Decide how many workers a pool has from now on.

    It grows as soon as the load asks for it, at most twofold a step. It shrinks by one worker, when
    for `SHRINK_AFTER` one less would have stayed well below the target.

    Args:
        autosize: what the pool asks for.
        load: what was found now.
        before: the size until now; `None`: the pool is new.
        now: monotonic seconds.
    """
    cores, target = max(load.planned, load.measured), autosize.target_utilisation_percent / 100.0
    needed = max(1, math.ceil(cores / target))
    if before is None:
        return Size(workers=_within(autosize, needed), changed_at=now)
    held = _within(autosize, before.workers)
    if held != before.workers:
        return Size(workers=held, changed_at=now)
    if now - before.changed_at < SETTLE:
        return before
    if load.lateness > LATE:
        needed = max(needed, held + 1)
    if needed > held:
        step = min(needed, max(held + 1, int(held * MOST_AT_ONCE)))
        grown = _within(autosize, step)
        return Size(workers=grown, changed_at=now if grown > held else before.changed_at)
    return _shrunk(autosize, before, now=now, enough=cores <= (held - 1) * target * MARGIN)


def _shrunk(autosize: AutoSize, before: Size, *, now: float, enough: bool) -> Size:
    """Take a worker away when one less has been enough for long."""
    if not enough or before.workers <= autosize.min:
        return replace(before, idle_since=None)
    since = before.idle_since if before.idle_since is not None else now
    if now - since < SHRINK_AFTER:
        return replace(before, idle_since=since)
    return Size(workers=before.workers - 1, changed_at=now)


def _within(autosize: AutoSize, workers: int) -> int:
    return min(autosize.max, max(autosize.min, workers))
