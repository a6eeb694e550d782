"""Which probe is due when: the arithmetic of the scheduler, without a clock or a loop.

**Slots.** An entry has a slot every `period` seconds, for ever: slot `k` is at
`origin + k * period`, computed anew each time, so that nothing drifts. The origin comes
from a stable hash of the entry's identity, as an offset into the period on the wall
clock: entries are spread evenly, a restart keeps every phase, and two workers agree on it.
The wall clock is read once; from then on the monotonic clock rules. A wall clock that
is set, and a machine that slept, therefore cause no burst.

**Late.** A slot that cannot be started in time is started late, up to a quarter of the
period; after that it is missed: counted and skipped, not replayed. After ten minutes of
standstill everything goes on in its own phase. A slot that waits because too many probes
are in flight is the exception: it keeps its place in the queue, whatever the time, and only
older slots of the same entry are missed. Else the same entries would go without each time.

**New entries.** Nobody waits an hour for the first probe of an hourly Check: a new entry
is started once soon, before its first slot. How soon depends on how many are new: the
first starts are spread so that about 50 a second begin, or all within 20 seconds.
"""

import heapq
import math
from enum import StrEnum
from hashlib import blake2b
from typing import Generic, NamedTuple, Protocol, TypeVar

LATEST_START = 0.25
"""How late a slot may be started, as a share of the period; then it is missed."""
FIRST_STARTS_PER_SECOND = 50.0
FIRST_STARTS_WITHIN = 20.0
"""Longest wait for a first start, seconds, however many entries are new."""

_FIRST = -1
"""Number of the slot that a new entry gets ahead of all others."""
_MANY_DEAD = 64
"""Removed entries that may stay in the heap whatever its size."""

W = TypeVar("W")


class MissedCause(StrEnum):
    """Why a slot was skipped: a closed set, safe as a metric label."""

    LATE = "late"
    """The process did not get to it in time: the loop was held, or starts are being paced."""
    OVERLAP = "overlap"
    """The probe before it was still running."""
    SATURATED = "saturated"
    """As many probes as are allowed were in flight."""


class StartRecorder(Protocol):
    """Takes note of how well the timetable is kept."""

    def started(self, lateness: float) -> None:
        """Record a start, `lateness` seconds (>= 0) after its slot."""
        ...

    def missed(self, cause: MissedCause, count: int) -> None:
        """Record that so many slots were skipped."""
        ...


class Phase(NamedTuple):
    """Where an identity stands: two independent fractions in [0, 1) from a stable hash."""

    offset: float
    """Of the period: where its slots are."""
    turn: float
    """Of the spread of first starts: when its turn is."""

    @classmethod
    def of(cls, identity: str) -> "Phase":
        """Hash an identity (BLAKE2b): the same in every process, on every machine."""
        digest = blake2b(identity.encode(), digest_size=8).digest()
        return cls(int.from_bytes(digest[:4], "big") / 2**32, int.from_bytes(digest[4:], "big") / 2**32)


class Entry(Generic[W]):
    """One thing that is done each period. Only its `Timetable` makes and changes it."""

    __slots__ = (
        "alive",
        "due",
        "origin",
        "overlapped",
        "parked",
        "period",
        "running",
        "slot",
        "started_for",
        "tolerance",
        "work",
    )

    def __init__(self, work: W, *, period: float, origin: float) -> None:
        self.work = work
        self.period = period
        self.tolerance = period * LATEST_START
        self.origin = origin
        """When slot 0 is, monotonic seconds."""
        self.slot = 0
        """Number of the next slot."""
        self.due = origin
        """When the next slot is, monotonic seconds."""
        self.started_for = -math.inf
        """The slot it was last started for, monotonic seconds."""
        self.running = False
        """Whether it was started and has not finished."""
        self.parked = False
        """Whether its slot has come while it was running; it waits outside the heap."""
        self.overlapped = False
        """Whether its next slot was held up by the run before."""
        self.alive = True
        """Whether it is still in the timetable."""


class Timetable(Generic[W]):
    """Entries in a heap by their next slot: every operation is O(log n), amortised."""

    def __init__(self, *, monotonic: float, unix: float, recorder: StartRecorder) -> None:
        """Make an empty timetable.

        Args:
            monotonic: Now, on the clock that every later `now` is read from.
            unix: The same moment on the wall clock: it anchors the phases.
            recorder: Is told of the slots that are missed.
        """
        self._wall_offset = unix - monotonic
        self._recorder = recorder
        # The serial number settles ties: entries are never compared.
        self._heap: list[tuple[float, int, Entry[W]]] = []
        self._serial = 0
        self._size = 0
        self._dead = 0
        self._awaiting_first = 0
        self._saturated_at = -math.inf
        self._rate = 0.0

    def __len__(self) -> int:
        return self._size

    @property
    def rate(self) -> float:
        """Starts per second that all periods together ask for."""
        return self._rate

    @property
    def next_due(self) -> float:
        """When there may be something to start, monotonic seconds; infinity for never."""
        return self._heap[0][0] if self._heap else math.inf

    def unix(self, monotonic: float) -> float:
        """Convert a time of this timetable to Unix seconds."""
        return monotonic + self._wall_offset

    def add(self, work: W, *, identity: str, period: float, now: float, soon: bool = True) -> Entry[W]:
        """Add an entry.

        Args:
            work: What the caller wants back when it is due.
            identity: What its phase is computed from.
            period: Seconds between slots, above 0.
            now: Monotonic seconds.
            soon: Whether it is also started once ahead of its first slot, if that is far off.
        """
        phase = Phase.of(identity)
        origin = now + (phase.offset * period - self.unix(now)) % period
        entry = Entry(work, period=period, origin=origin)
        first = now + phase.turn * min(
            FIRST_STARTS_WITHIN, (self._awaiting_first + 1) / FIRST_STARTS_PER_SECOND
        )
        if soon and first < origin:
            entry.slot = _FIRST
            entry.due = first
            if origin - first < period / 2:
                entry.origin += period
            self._awaiting_first += 1
        self._size += 1
        self._rate += 1 / period
        self._push(entry)
        return entry

    def remove(self, entry: Entry[W]) -> None:
        """Take an entry out; harmless when it is out already."""
        if not entry.alive:
            return
        entry.alive = False
        self._size -= 1
        self._rate = self._rate - 1 / entry.period if self._size else 0.0
        if entry.slot == _FIRST:
            self._awaiting_first -= 1
        if entry.parked:
            return
        # It stays in the heap until its time comes, or until half of the heap is dead.
        self._dead += 1
        if self._dead > _MANY_DEAD and self._dead * 2 > len(self._heap):
            self._heap = [item for item in self._heap if item[2].alive]
            heapq.heapify(self._heap)
            self._dead = 0

    def pop_due(self, now: float, limit: int) -> list[Entry[W]]:
        """Give the entries to start now, at most `limit`, the longest due first.

        Each of them counts as running until `finished` is called for it.
        """
        starts: list[Entry[W]] = []
        while self._heap and self._heap[0][0] <= now and len(starts) < limit:
            entry = self._heap[0][2]
            if not entry.alive:
                heapq.heappop(self._heap)
                self._dead -= 1
            elif entry.running:
                heapq.heappop(self._heap)
                entry.parked = True
            elif now - entry.due > entry.tolerance and not self._waited_for_room(entry):
                self._skip(entry, now)
            else:
                self._drop_older_slots(entry, now)
                starts.append(entry)
                entry.running = True
                entry.started_for = entry.due
                self._requeue(entry, entry.slot + 1)
        return starts

    def finished(self, entry: Entry[W]) -> None:
        """Note that a started entry has ended: it may be started again."""
        entry.running = False
        if entry.parked and entry.alive:
            entry.parked = False
            entry.overlapped = True
            self._push(entry)

    def saturated(self, now: float) -> None:
        """Note that what is due now waits because too many are running."""
        self._saturated_at = now

    def _waited_for_room(self, entry: Entry[W]) -> bool:
        return entry.due <= self._saturated_at and not entry.overlapped

    def _skip(self, entry: Entry[W], now: float) -> None:
        """Give up the slots that are too late, and count them."""
        in_time = math.ceil((now - entry.tolerance - entry.origin) / entry.period)
        slot = max(entry.slot + 1, in_time)
        cause = MissedCause.OVERLAP if entry.overlapped else MissedCause.LATE
        self._recorder.missed(cause, slot - entry.slot)
        self._requeue(entry, slot)

    def _drop_older_slots(self, entry: Entry[W], now: float) -> None:
        """Of several slots that have passed while there was no room, leave only the newest."""
        passed = math.floor((now - entry.origin) / entry.period) - entry.slot
        if passed > 0:
            self._recorder.missed(MissedCause.SATURATED, passed)
            self._move(entry, entry.slot + passed)

    def _requeue(self, entry: Entry[W], slot: int) -> None:
        """Move the entry at the top of the heap to a later slot."""
        self._move(entry, slot)
        entry.overlapped = False
        self._serial += 1
        heapq.heapreplace(self._heap, (entry.due, self._serial, entry))

    def _move(self, entry: Entry[W], slot: int) -> None:
        if entry.slot == _FIRST:
            self._awaiting_first -= 1
        entry.slot = slot
        entry.due = entry.origin + slot * entry.period

    def _push(self, entry: Entry[W]) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (entry.due, self._serial, entry))
