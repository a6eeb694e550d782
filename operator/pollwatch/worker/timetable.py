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

**Tenants.** What is due is started the longest due first, as long as all of it may start. Else
tenants take turns and share the room: see `worker.tenants`.

**First starts.** A new entry is started once soon, before its first slot: see `worker.first_starts`.
"""

import heapq
import math
import sys
from enum import StrEnum
from hashlib import blake2b
from typing import Generic, NamedTuple, Protocol, TypeVar

from pollwatch.worker.entry import Entry
from pollwatch.worker.first_starts import FirstStart, FirstStarts, goes_on_at_its_slots, is_made_up_for
from pollwatch.worker.tenants import Tenants

LATEST_START = 0.25
"""How late a slot may be started, as a share of the period; then it is missed."""

_FIRST = -1
"""Number of the slot that a new entry gets ahead of all others."""
_MANY_DEAD = 64
"""Dead items that may stay in the heap whatever its size."""

W = TypeVar("W")


class MissedCause(StrEnum):
    """Why a slot was skipped: a closed set, safe as a metric label."""

    LATE = "late"
    """The process did not get to it in time: the loop was held, or starts are being paced."""
    OVERLAP = "overlap"
    """The probe before it was still running."""
    SATURATED = "saturated"
    """As many probes as are allowed were in flight, of its namespace or in all."""


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


class Timetable(Generic[W]):
    """Entries in a heap by their next slot: every operation is O(log n), amortised.

    Those that are due and may not start yet are in the queues of their tenants instead.
    """

    def __init__(self, *, monotonic: float, unix: float, recorder: StartRecorder) -> None:
        """Make an empty timetable.

        Args:
            monotonic: Now, on the clock that every later `now` is read from.
            unix: The same moment on the wall clock: it anchors the phases.
            recorder: Is told of the slots that are missed.
        """
        self._wall_offset = unix - monotonic
        self._recorder = recorder
        # The serial number settles ties: entries are never compared. An item whose number is not that of
        # its entry is dead: the entry was removed, or has another item.
        self._heap: list[tuple[float, int, Entry[W]]] = []
        self._serial = 0
        self._size = 0
        self._dead = 0
        self._tenants: Tenants[Entry[W]] = Tenants()
        self._first_starts = FirstStarts()
        self._rate = 0.0

    def __len__(self) -> int:
        return self._size

    def limit_destinations(self, share: float | None) -> None:
        """Say how many starts per second one destination may get; `None`: nobody said."""
        self._first_starts.share = share

    @property
    def rate(self) -> float:
        """Starts per second that all periods together ask for."""
        return self._rate

    @property
    def next_due(self) -> float:
        """When there may be something to start, monotonic seconds; infinity for never."""
        if self._tenants.waiting:
            return -math.inf
        return self._heap[0][0] if self._heap else math.inf

    def unix(self, monotonic: float) -> float:
        """Convert a time of this timetable to Unix seconds."""
        return monotonic + self._wall_offset

    def add(
        self,
        work: W,
        *,
        identity: str,
        period: float,
        now: float,
        first: FirstStart = FirstStart.SOON,
        tenant: str = "",
        destination: str | None = None,
    ) -> Entry[W]:
        """Add an entry.

        Args:
            work: What the caller wants back when it is due.
            identity: What its phase is computed from.
            period: Seconds between slots, above 0.
            now: Monotonic seconds.
            first: When it is started first.
            tenant: Whose it is: what is due is shared fairly between tenants.
            destination: What its starts are a load to; `None`: nothing that others are, too.
        """
        phase = Phase.of(identity)
        entry = Entry(
            work,
            period=period,
            offset=phase.offset,
            tenant=self._tenants.join(tenant),
            destination=destination,
        )
        entry.origin = entry.due = self._next_slot(entry, now)
        if first is FirstStart.RESUMED and not goes_on_at_its_slots(period):
            first = FirstStart.SOON
        self._first_starts.join(destination, 1 / period, now=now)
        ahead = self._first_start(entry, first, phase.turn, now)
        if ahead is not None:
            entry.slot = _FIRST
            entry.due = ahead
            if first is FirstStart.SOON:
                self._keep_distance(entry)
        self._size += 1
        self._rate += 1 / period
        self._push(entry)
        return entry

    def retime(self, entry: Entry[W], *, period: float, now: float) -> None:
        """Give an entry another period, above 0; its phase stays, and what is running goes on.

        The next start is at least half a period after the last one, and at most one and a half
        where that is still to come.
        """
        if not entry.alive or period == entry.period:
            return
        change = 1 / period - 1 / entry.period
        self._rate += change
        self._first_starts.retime(entry.destination, change)
        entry.period = period
        entry.origin = self._next_slot(entry, now)
        if entry.slot == _FIRST:
            self._keep_distance(entry)
        elif entry in entry.tenant.ready:
            # It keeps its place in the queue, for the slot that was the last one by the new period.
            entry.origin -= period
            self._move(entry, 0)
        else:
            if entry.started_for > -math.inf:
                earliest = entry.started_for + period / 2
                away = math.ceil((earliest - entry.origin) / period) * period
                if entry.origin + away >= now - period * LATEST_START:
                    entry.origin += away
            self._move(entry, 0)
            entry.overlapped = False
            if entry.parked:
                entry.parked = False
            else:
                self._abandon_item(entry)
            self._push(entry)

    def remove(self, entry: Entry[W]) -> None:
        """Take an entry out; harmless when it is out already."""
        if not entry.alive:
            return
        entry.alive = False
        self._size -= 1
        self._rate = self._rate - 1 / entry.period if self._size else 0.0
        if entry.slot == _FIRST:
            self._first_starts.give_up(entry.tenant.name, entry.destination, entry.due)
        self._first_starts.leave(entry.destination, 1 / entry.period)
        if entry.running:
            self._tenants.ended(entry.tenant)
        if entry in entry.tenant.ready:
            self._tenants.forget(entry.tenant, entry)
        elif not entry.parked:
            self._abandon_item(entry)
        self._tenants.leave(entry.tenant)

    def pop_due(self, now: float, limit: int, *, room: int = sys.maxsize) -> list[Entry[W]]:
        """Give the entries to start now.

        Each of them counts as running until `finished` is called for it.

        Args:
            now: Monotonic seconds.
            limit: How many may start now. What waits for that may come too late, and is skipped.
            room: How many more may be running. What waits for that keeps its place.
        """
        starts: list[Entry[W]] = []
        heap, tenants = self._heap, self._tenants
        while heap and heap[0][0] <= now:
            _, serial, entry = heap[0]
            if serial != entry.serial:
                heapq.heappop(heap)
                self._dead -= 1
            elif entry.running:
                heapq.heappop(heap)
                entry.serial = 0
                entry.parked = True
            elif self._is_too_late(entry, now):
                self._skip(entry, now)
                self._replace_top(entry)
            elif (
                len(starts) < limit
                and not tenants.waiting
                and tenants.has_room(entry.tenant, room - len(starts))
            ):
                self._start(entry, now)
                self._replace_top(entry)
                starts.append(entry)
            else:
                heapq.heappop(heap)
                entry.serial = 0
                tenants.wait(entry.tenant, entry)
        if tenants.waiting:
            self._take_turns(starts, now, limit, room)
        return starts

    def finished(self, entry: Entry[W]) -> None:
        """Note that a started entry has ended: it may be started again."""
        entry.running = False
        if not entry.alive:
            return
        self._tenants.ended(entry.tenant)
        if entry.parked:
            entry.parked = False
            entry.overlapped = True
            self._push(entry)

    def _take_turns(self, starts: list[Entry[W]], now: float, limit: int, room: int) -> None:
        """Start of those that wait what may start, fairly."""
        while len(starts) < limit:
            entry = self._tenants.next_in_turn(room - len(starts))
            if entry is None:
                break
            if self._is_too_late(entry, now):
                self._skip(entry, now)
            else:
                self._start(entry, now)
                starts.append(entry)
            self._push(entry)
        self._tenants.note_saturation(room - len(starts), now)

    def _is_too_late(self, entry: Entry[W], now: float) -> bool:
        if now - entry.due <= entry.period * LATEST_START:
            return False
        waited_for_room = entry.due <= entry.tenant.saturated_at and not entry.overlapped
        return not waited_for_room

    def _skip(self, entry: Entry[W], now: float) -> None:
        """Give up the slots that are too late, and count them."""
        in_time = math.ceil((now - entry.origin) / entry.period - LATEST_START)
        slot = max(entry.slot + 1, in_time)
        cause = MissedCause.OVERLAP if entry.overlapped else MissedCause.LATE
        self._recorder.missed(cause, slot - entry.slot)
        self._move(entry, slot)
        entry.overlapped = False

    def _start(self, entry: Entry[W], now: float) -> None:
        """Take the next slot of an entry, the newest of several that passed while there was no room."""
        passed = math.floor((now - entry.origin) / entry.period) - entry.slot
        if passed > 0:
            self._recorder.missed(MissedCause.SATURATED, passed)
            self._move(entry, entry.slot + passed)
        entry.running = True
        entry.started_for = entry.due
        self._move(entry, entry.slot + 1)
        entry.overlapped = False
        self._tenants.started(entry.tenant)

    def _next_slot(self, entry: Entry[W], now: float) -> float:
        return now + (entry.offset * entry.period - self.unix(now)) % entry.period

    def _first_start(self, entry: Entry[W], first: FirstStart, turn: float, now: float) -> float | None:
        """Give when an entry is started ahead of its slots, and have that expected; `None`: never."""
        tenant, destination, starts = entry.tenant.name, entry.destination, self._first_starts
        if first is FirstStart.AT_SLOT:
            return None
        if first is FirstStart.SOON:
            return starts.take(tenant, destination, turn=turn, now=now, before=entry.origin)
        age = now - (entry.origin - entry.period)
        if not is_made_up_for(age, entry.period):
            return None
        starts.expect(tenant, destination, now + age, turn=turn, now=now)
        return now + age

    def _keep_distance(self, entry: Entry[W]) -> None:
        """Have the first slot come no sooner than half a period after the first start."""
        if entry.origin - entry.due < entry.period / 2:
            entry.origin += entry.period

    def _move(self, entry: Entry[W], slot: int) -> None:
        if entry.slot == _FIRST:
            self._first_starts.had(entry.tenant.name)
        entry.slot = slot
        entry.due = entry.origin + slot * entry.period

    def _push(self, entry: Entry[W]) -> None:
        self._serial += 1
        entry.serial = self._serial
        heapq.heappush(self._heap, (entry.due, self._serial, entry))

    def _replace_top(self, entry: Entry[W]) -> None:
        """Put the entry at the top of the heap where its next slot belongs."""
        self._serial += 1
        entry.serial = self._serial
        heapq.heapreplace(self._heap, (entry.due, self._serial, entry))

    def _abandon_item(self, entry: Entry[W]) -> None:
        """Leave an entry's item in the heap until its time comes, or until half of the heap is dead."""
        entry.serial = 0
        self._dead += 1
        if self._dead > _MANY_DEAD and self._dead * 2 > len(self._heap):
            self._heap = [item for item in self._heap if item[1] == item[2].serial]
            heapq.heapify(self._heap)
            self._dead = 0
