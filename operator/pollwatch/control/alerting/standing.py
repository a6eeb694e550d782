"""What grafana-operator says, in the status of an object, of whether Grafana took it.

Its condition types are those of grafana-operator 5: a condition `...Synchronized` that is not `True`
carries what each Grafana answered; `NoMatchingInstance` and `NoMatchingFolder` are `True` when there
is nothing to apply it to yet.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pollwatch.api.conditions import ConditionStatus
from pollwatch.control.conditions import Condition, read_condition
from pollwatch.plan.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an object stands with who puts it into force; all empty: as far as is known, well."""

    problem: str = ""
    """Why it could not be put into force."""
    waiting: str = ""
    """What it waits for."""


GOOD = Standing()

_SYNCHRONIZED = "Synchronized"


def read_standing(document: Mapping[str, Any]) -> Standing:
    """Read how an object of grafana-operator stands; a status of an older spec says nothing."""
    generation = document["metadata"].get("generation", 0)
    status = document.get("status") or {}
    conditions = [
        condition
        for condition in map(read_condition, status.get("conditions") or ())
        if condition.observed_generation in (0, generation)
    ]
    problems = [_in_words(one) for one in conditions if _is_problem(one)]
    waiting = [_in_words(one) for one in conditions if _is_waiting(one)]
    return Standing(problem="; ".join(problems), waiting="; ".join(waiting))


def _is_problem(condition: Condition) -> bool:
    if condition.type == "InvalidSpec":
        return condition.status == ConditionStatus.TRUE
    return condition.type.endswith(_SYNCHRONIZED) and condition.status == ConditionStatus.FALSE


def _is_waiting(condition: Condition) -> bool:
    return condition.type.startswith("NoMatching") and condition.status == ConditionStatus.TRUE


def _in_words(condition: Condition) -> str:
    """Give the message in one line: grafana-operator lists instances below each other."""
    return " ".join((condition.message or condition.reason).split())


PATIENCE = 20.0
"""Seconds that something must be wrong until it is said: folder and rules race each other at first."""

Key = TypeVar("Key", bound=Hashable)


class Standings(Generic[Key]):
    """How objects stand, once that has lasted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[Key, Standing] = {}
        """What is not good, and was not for long enough."""
        self._since: dict[Key, tuple[float, Standing]] = {}
        """What is not good, and since when (monotonic)."""

    def get(self, key: Key) -> Standing:
        """Say how an object stands."""
        return self._told.get(key, GOOD)

    def put(self, key: Key, standing: Standing) -> None:
        """Take in how an object stands now."""
        if standing == GOOD:
            self.forget(key)
            return
        since, _ = self._since.get(key, (self._clock.monotonic(), standing))
        self._since[key] = since, standing
        if key in self._told:
            self._told[key] = standing

    def forget(self, key: Key) -> None:
        """Drop an object that is gone."""
        self._told.pop(key, None)
        self._since.pop(key, None)

    def ripen(self) -> list[Key]:
        """Return the objects that have stood badly for long enough, each one once."""
        until = self._clock.monotonic() - PATIENCE
        ripe = [key for key, (since, _) in self._since.items() if since <= until and key not in self._told]
        for key in ripe:
            self._told[key] = self._since[key][1]
        return ripe
