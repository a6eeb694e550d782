"""Which pools probe a Check: asked for each Check that is compiled."""

from dataclasses import dataclass
from typing import Protocol

from pollwatch.api.alert import AlertSpec
from pollwatch.api.check import Check
from pollwatch.api.problems import Problem
from pollwatch.compile.pool import PoolSettings
from pollwatch.plan.checks import CheckKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a Check is probed."""

    pools: tuple[PoolSettings, ...]
    """At least one, in the order in which the Check names them."""
    idle: tuple[str, ...] = ()
    """Names of those without any worker that is ready."""
    starting: frozenset[str] = frozenset()
    """Names of those that are coming up: none of their workers can have said anything yet."""
    problems: tuple[Problem, ...] = ()
    """Why it is not probed in the others that it names."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all pools."""
        return tuple(pool.name for pool in self.pools)


class Placement(Protocol):
    """Knows the pools."""

    async def known(self) -> None:
        """Return when the pools are known: before, nothing can be placed."""
        ...

    def place(self, check: Check) -> Placed:
        """Say where a Check is probed, and have it compiled again when that changes.

        Raises:
            Rejected: none of the pools that it names exists and admits its namespace.
        """
        ...

    def forget(self, key: CheckKey) -> None:
        """Drop a Check that is gone, or is not valid."""
        ...

    def alert_of(self, key: CheckKey) -> AlertSpec | None:
        """Give what the first pool of a Check says of alerts; it is compiled again when that changes."""
        ...


class OnePool:
    """All Checks are probed in one pool, whatever they name: the embedded data plane."""

    def __init__(self, settings: PoolSettings) -> None:
        self._placed = Placed(pools=(settings,))

    async def known(self) -> None:
        """Return at once."""

    def place(self, _check: Check) -> Placed:
        """Give the one pool."""
        return self._placed

    def forget(self, _key: CheckKey) -> None:
        """Nothing is kept."""

    def alert_of(self, _key: CheckKey) -> AlertSpec | None:
        """Without a ProbePool nobody says anything."""
        return None
