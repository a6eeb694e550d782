"""What happens when, and to whom: all of it follows from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PERIOD = 3
"""Of every Check, seconds."""
FLIPPED = 10
"""One Check in so many has a server that fails for a while; the others are changed and deleted."""
SYNC_AFTER = 5.0
"""Seconds from a changed Secret to the changed volume: a kubelet takes up to a minute."""
DWELL = 4 * PERIOD
"""Seconds for which a server fails, at least: long enough to be seen between two faults."""
CHURN_EVERY = 0.4
"""Seconds between two changes of Checks, at the mean."""
STEPS = (-7200.0, -37.3, 61.7, 7200.0)
"""Of a clock, seconds."""


class What(StrEnum):
    """Everything that may happen."""

    KILL_LEADER = "kill -9 of the leader"
    KILL_FOLLOWER = "kill -9 of a follower"
    KILL_WORKER = "kill -9 of a worker"
    STOP_API = "the API server stops"
    START_API = "the API server starts"
    CUT = "the network to a worker is cut"
    MEND = "the network to a worker is mended"
    TEAR_PLAN = "a mounted plan is torn"
    SYNC = "volumes are synced"
    EDIT_SECRET = "a plan Secret is edited by hand"
    FILL_DISK = "the disk of a worker is full"
    EMPTY_DISK = "the disk of a worker has room again"
    STEP_WORKERS = "the clock of the workers is stepped"
    STEP_OPERATOR = "the clock of an operator is stepped"
    RESIZE = "the pool is resized"
    CREATE = "a Check is created"
    CHANGE = "a Check is changed"
    DELETE = "a Check is deleted"
    FAIL = "a server fails"
    RECOVER = "a server recovers"


AFTERWARDS = {
    What.STOP_API: What.START_API,
    What.CUT: What.MEND,
    What.TEAR_PLAN: What.SYNC,
    What.FILL_DISK: What.EMPTY_DISK,
}
"""What ends a fault that lasts."""

NEEDS_API = frozenset({What.EDIT_SECRET, What.RESIZE, What.CREATE, What.CHANGE, What.DELETE})
"""What waits while the API server is away."""

_FAULTS = (
    What.KILL_LEADER,
    What.KILL_LEADER,
    What.KILL_FOLLOWER,
    What.KILL_WORKER,
    What.KILL_WORKER,
    What.STOP_API,
    What.CUT,
    What.TEAR_PLAN,
    What.EDIT_SECRET,
    What.FILL_DISK,
    What.STEP_WORKERS,
    What.STEP_OPERATOR,
)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Action:
    """One thing that happens."""

    at: float
    """Seconds after the start."""
    what: What
    subject: int = 0
    """Number of a Check; else which one of several, modulo how many there are; a number of workers."""
    amount: float = 0.0
    """Seconds of a step."""


def schedule(seed: int, *, checks: int, seconds: float) -> list[Action]:
    """Everything that happens, in order of time.

    Each kind of fault comes at least once, at moments of its own. No Check has both a server that
    fails and changes, so that what has to be found of it is beyond doubt.

    Args:
        seed: The same gives the same, always.
        checks: How many Checks there are at the start, numbered from 0.
        seconds: How long things happen.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    actions = [*_faults(chance, seconds), *_resizes(chance, seconds)]
    actions += _failures(chance, checks, seconds)
    actions += _churn(chance, checks, seconds)
    return sorted(actions)


def _faults(chance: random.Random, seconds: float) -> Iterator[Action]:
    faults = list(_FAULTS)
    chance.shuffle(faults)
    space = seconds / len(faults)
    for number, what in enumerate(faults):
        at = space * (number + chance.random())
        subject = chance.randrange(1000)
        yield Action(at=at, what=what, subject=subject, amount=chance.choice(STEPS))
        if (end := AFTERWARDS.get(what)) is not None:
            yield Action(at=at + chance.uniform(2.0, 6.0), what=end, subject=subject)


def _resizes(chance: random.Random, seconds: float) -> Iterator[Action]:
    for begin, workers in ((0.0, 3), (0.5, 2)):
        at = seconds * (begin + 0.5 * chance.random())
        yield Action(at=at, what=What.RESIZE, subject=workers)


def _failures(chance: random.Random, checks: int, seconds: float) -> Iterator[Action]:
    for number in range(0, checks, FLIPPED):
        at = chance.uniform(0.0, max(1.0, seconds - DWELL))
        yield Action(at=at, what=What.FAIL, subject=number)
        if chance.random() < 0.5:
            yield Action(at=at + DWELL + chance.uniform(0.0, 3.0), what=What.RECOVER, subject=number)


def _churn(chance: random.Random, checks: int, seconds: float) -> Iterator[Action]:
    alive = [number for number in range(checks) if number % FLIPPED]
    changed_at = dict.fromkeys(alive, float("-inf"))
    following, at = checks, 0.0
    while (at := at + chance.expovariate(1 / CHURN_EVERY)) < seconds:
        what = chance.choice((What.CREATE, What.CHANGE, What.CHANGE, What.DELETE))
        if what is What.CREATE:
            following += 1 if following % FLIPPED == 0 else 0
            yield Action(at=at, what=what, subject=following)
            alive.append(following)
            changed_at[following] = at
            following += 1
            continue
        subject = chance.choice(alive)
        if at - changed_at[subject] < 2 * PERIOD:
            continue
        if what is What.DELETE:
            alive.remove(subject)
        changed_at[subject] = at
        yield Action(at=at, what=what, subject=subject)
