"""What became of the alert rules of each Check: condition `AlertsRendered`."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from pollwatch.api.conditions import AlertsReason
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import Clock

PATIENCE = 3.0
"""Seconds that the status of a Check whose spec is new waits for its rules: one write, not two."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the rules of one generation of a Check."""

    reason: AlertsReason
    message: str


class Silence(Enum):
    """Why there is no outcome."""

    OFF = "off"
    """The operator renders no rules: nothing is said of them."""
    KEEP = "keep"
    """Nothing is known now: what was said last stays."""
    WAIT = "wait"
    """It will be known in a moment."""


class Alerts(Protocol):
    """Knows what became of the alert rules of Checks."""

    def outcome(self, key: CheckKey, *, uid: str, generation: int) -> Outcome | Silence:
        """Say what became of the rules of one generation of a Check."""
        ...


class NoAlerts:
    """No rules are rendered."""

    def outcome(self, _key: CheckKey, *, uid: str, generation: int) -> Outcome | Silence:
        """Say so."""
        del uid, generation
        return Silence.OFF


NO_ALERTS = NoAlerts()


class _Known(NamedTuple):
    uid: str
    generation: int
    outcome: Outcome


class Outcomes:
    """Keeps the outcomes, and who waits for one. Belongs to one event loop."""

    def __init__(self, *, offer: Callable[[CheckKey], None], clock: Clock) -> None:
        """Make it empty.

        Args:
            offer: called for each Check whose status may have to be written.
            clock: now.
        """
        self._offer = offer
        self._clock = clock
        self._known: dict[CheckKey, _Known] = {}
        self._awaited: dict[CheckKey, float] = {}
        """Until when (monotonic) a status waits; in the order of that."""
        self._counts = dict.fromkeys(AlertsReason, 0)

    def count(self, reason: AlertsReason) -> int:
        """Count the Checks with an outcome."""
        return self._counts[reason]

    def get(self, key: CheckKey, *, uid: str, generation: int) -> Outcome | Silence:
        """Say what became of the rules of one generation of a Check."""
        known = self._known.get(key)
        if known is not None and (known.uid, known.generation) == (uid, generation):
            return known.outcome
        return Silence.WAIT if key in self._awaited else Silence.KEEP

    def wait(self, key: CheckKey) -> None:
        """Have the status of a Check wait for its outcome, for `PATIENCE` at most."""
        if key not in self._awaited:
            self._awaited[key] = self._clock.monotonic() + PATIENCE

    def put(self, key: CheckKey, *, uid: str, generation: int, outcome: Outcome) -> None:
        """Take in an outcome."""
        before = self._known.get(key)
        after = _Known(uid, generation, outcome)
        waited = self._awaited.pop(key, None) is not None
        if before is not None:
            self._counts[before.outcome.reason] -= 1
        self._counts[outcome.reason] += 1
        if before != after:
            self._known[key] = after
        if before != after or waited:
            self._offer(key)

    def forget(self, key: CheckKey) -> None:
        """Drop a Check that is gone."""
        self._awaited.pop(key, None)
        known = self._known.pop(key, None)
        if known is not None:
            self._counts[known.outcome.reason] -= 1

    def clear(self) -> None:
        """Drop all of them."""
        self._known.clear()
        self._awaited.clear()
        self._counts = dict.fromkeys(AlertsReason, 0)

    def overdue(self) -> list[CheckKey]:
        """Return the Checks whose status has waited long enough, each one once."""
        now = self._clock.monotonic()
        found = list(itertools.takewhile(lambda key: self._awaited[key] <= now, self._awaited))
        for key in found:
            del self._awaited[key]
        return found
