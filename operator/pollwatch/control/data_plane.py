"""What the control plane needs of a data plane: where Plans go, and transitions come from.

Embedded, that is the worker in the same process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pollwatch.plan.checks import CheckKey, Plan
from pollwatch.plan.states import CheckState
from pollwatch.worker.feed import Feed
from pollwatch.worker.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Transitions:
    """What happened since a cursor."""

    states: tuple[CheckState, ...]
    """Oldest first."""
    cursor: int


class DataPlane(Protocol):
    """Probes what it is told, and says what it finds."""

    def apply(self, plan: Plan) -> None:
        """Probe what is in the plan, and nothing else."""
        ...

    def states(self) -> Mapping[CheckKey, CheckState]:
        """Return the latest state of each Check in the plan."""
        ...

    def transitions(self, cursor: int) -> Transitions:
        """Return what happened after a cursor; 0: from the start."""
        ...

    async def wait(self, cursor: int) -> None:
        """Return when something happened after a cursor."""
        ...


class EmbeddedDataPlane:
    """The worker in this process."""

    def __init__(self, worker: Worker, feed: Feed) -> None:
        self._worker = worker
        self._feed = feed

    def apply(self, plan: Plan) -> None:
        """Hand the plan to the worker."""
        self._worker.apply(plan)

    def states(self) -> Mapping[CheckKey, CheckState]:
        """Ask the worker."""
        return self._worker.states()

    def transitions(self, cursor: int) -> Transitions:
        """Read the feed; when it overflowed since, take all states as they are now."""
        page = self._feed.read(cursor)
        if page.lost:
            return Transitions(states=tuple(self.states().values()), cursor=self._feed.cursor)
        return Transitions(states=tuple(entry.state for entry in page.entries), cursor=page.cursor)

    async def wait(self, cursor: int) -> None:
        """Wait for the feed."""
        await self._feed.wait(cursor)
