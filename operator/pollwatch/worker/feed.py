"""The feed of transitions that a control plane reads at its own pace.

The newest states are kept in a ring. A reader keeps a cursor and asks for what came
after it, so nothing is lost while the reader is away, unless so much happened that the
ring overflowed: then the page says how much. A notice moves the cursor without a state:
something else that readers are told of has changed.
"""

import asyncio
import uuid
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from pollwatch.plan.clock import Clock
from pollwatch.plan.states import CheckState

DEFAULT_CAPACITY = 16_384
"""States kept: all of 10,000 Checks may change at once, about 5 MB when they do."""


class Entry(NamedTuple):
    """One state in the feed."""

    cursor: int
    """Its position: 1 for the first state of this feed, one more for each next."""
    state: CheckState


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a reader gets."""

    instance: str
    """Identity of this feed. Another one means that the worker was started anew: cursors
    of the old instance mean nothing, and the reader takes a snapshot of all states."""
    entries: tuple[Entry, ...]
    """In the order of their cursors, without a gap where there was no notice."""
    cursor: int
    """Where to go on: the cursor of the last entry or notice, or the reader's own when there is none."""
    lost: int
    """How many states after the reader's cursor had been overwritten before they were read.
    Above 0, the reader takes a snapshot of all states."""


class Feed:
    """A bounded ring of states with a cursor that only grows. Belongs to one event loop."""

    def __init__(
        self, *, clock: Clock, capacity: int = DEFAULT_CAPACITY, instance: str | None = None
    ) -> None:
        """Make an empty feed.

        Args:
            clock: Says how old a state is.
            capacity: How many states are kept, at least 1.
            instance: Identity of the feed; a random one by default.
        """
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.instance = uuid.uuid4().hex if instance is None else instance
        self._clock = clock
        self._ring: deque[CheckState | None] = deque(maxlen=capacity)
        self._added_at: deque[float] = deque(maxlen=capacity)
        """When each entry of the ring was added, monotonic seconds."""
        self._cursor = 0
        self._acknowledged = 0
        """Up to where somebody has read."""
        self._published = asyncio.Event()

    def __len__(self) -> int:
        """How many states and notices are kept."""
        return len(self._ring)

    @property
    def cursor(self) -> int:
        """The cursor of the newest state or notice; 0 when there was none yet."""
        return self._cursor

    @property
    def now(self) -> float:
        """What the wall clock says, Unix seconds."""
        return self._clock.time()

    def publish(self, state: CheckState) -> int:
        """Add a state, overwriting the oldest one when the ring is full, and give its cursor."""
        return self._add(state)

    def notice(self) -> None:
        """Wake who waits for states: there is something else to tell."""
        self._add(None)

    def since(self, after: int) -> tuple[list[CheckState], int]:
        """Give all states after a cursor, oldest first, and how many were overwritten before they were read.

        The cursor must be one that this feed has reached; it costs little however many they are.
        """
        skip = after - (self._cursor - len(self._ring))
        states = [state for state in islice(self._ring, max(0, skip), None) if state is not None]
        return states, max(0, -skip)

    def acknowledge(self, cursor: int) -> None:
        """Take in that somebody has read all up to a cursor that this feed has reached."""
        self._acknowledged = max(self._acknowledged, cursor)

    def replay(self, seconds: float) -> tuple[list[CheckState], int]:
        """Give what is news to a reader without a cursor, who may go on for one who died.

        Args:
            seconds: for how long what was read is told again: it may have died with who read it. That is
                what went by: that somebody set the wall clock makes no state older or newer.

        Returns:
            The states that nobody has read, or that were published less than so long ago, oldest first; and
            how many were overwritten before anybody had read them.
        """
        earliest = self._clock.monotonic() - seconds
        first = self._cursor - len(self._ring) + 1
        entries = zip(range(first, self._cursor + 1), self._added_at, self._ring, strict=True)
        states = [
            state
            for cursor, added_at, state in entries
            if state is not None and (cursor > self._acknowledged or added_at > earliest)
        ]
        return states, max(0, first - 1 - self._acknowledged)

    def read(self, after: int, limit: int = 1000) -> Page:
        """Give the states after a cursor, oldest first.

        Args:
            after: The cursor of the last state that the reader has; 0 to start. One that
                this feed has not reached comes from another instance: all is replayed.
            limit: The most entries a page holds, at least 1.
        """
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        if not 0 <= after <= self._cursor:
            after = 0
        oldest = self._cursor - len(self._ring) + 1
        first = max(after + 1, oldest)
        skip = first - oldest
        states = list(islice(self._ring, skip, skip + limit))
        entries = (Entry(cursor, state) for cursor, state in enumerate(states, first) if state is not None)
        return Page(
            instance=self.instance,
            entries=tuple(entries),
            cursor=first + len(states) - 1 if states else after,
            lost=first - after - 1,
        )

    async def wait(self, after: int) -> None:
        """Return as soon as `read(after)` has something to give."""
        while self._cursor == after:
            self._published.clear()
            await self._published.wait()

    def _add(self, state: CheckState | None) -> int:
        self._ring.append(state)
        self._added_at.append(self._clock.monotonic())
        self._cursor += 1
        self._published.set()
        return self._cursor
