"""What the control plane needs of a data plane: where plans go, and transitions come from.

Embedded, that is the worker in the same process: a pool of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pollwatch.control.plan_book import Changes, PlanBook
from pollwatch.plan.egress import UNRESTRICTED, EgressPolicy
from pollwatch.plan.states import CheckState
from pollwatch.worker.feed import Feed
from pollwatch.worker.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a pool found of a Check."""

    pool: str
    state: CheckState
    history: bool = False
    """Whether a later state of the Check is known already: this one only tells how it came to that."""
    recent: bool | None = None
    """Whether it was found within the last quarter of an hour, whatever a wall clock says; `None`: only
    `state.since` tells."""
    worker: str = ""
    """Who found it: times of one worker are in the order of its feed, whatever its clock says. Empty: the
    only one."""
    behind: float = 0.0
    """Seconds that the clock by which `state.since` is told was behind ours, if that is known to be many."""


class DataPlane(Protocol):
    """Probes what it is told, and says what it finds."""

    def apply(self, changes: Mapping[str, Changes]) -> None:
        """Change what is probed, in each pool that is named."""
        ...

    async def wait(self) -> None:
        """Return when `take` has something to give."""
        ...

    def take(self) -> Sequence[Found]:
        """Give what was found since the last call, oldest first."""
        ...


class EmbeddedDataPlane:
    """The worker in this process."""

    def __init__(self, worker: Worker, feed: Feed, *, pool: str, egress: EgressPolicy = UNRESTRICTED) -> None:
        """Wire it.

        Args:
            worker: is given the plan.
            feed: the worker's.
            pool: the name of the one pool.
            egress: what the worker may connect to.
        """
        self._worker = worker
        self._feed = feed
        self._pool = pool
        self._book = PlanBook(egress)
        self._cursor = 0

    def apply(self, changes: Mapping[str, Changes]) -> None:
        """Hand the plan of the one pool to the worker."""
        self._book.update(changes.get(self._pool, {}))
        self._worker.apply(self._book.plan())

    async def wait(self) -> None:
        """Wait for the feed."""
        await self._feed.wait(self._cursor)

    def take(self) -> Sequence[Found]:
        """Read the feed; when it overflowed since, take all states as they are now."""
        page = self._feed.read(self._cursor)
        states = [entry.state for entry in page.entries]
        self._cursor = page.cursor
        if page.lost:
            states = list(self._worker.states().values())
            self._cursor = self._feed.cursor
        return [Found(pool=self._pool, state=state) for state in states]
