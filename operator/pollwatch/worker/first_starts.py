"""When entries that are new are started first, ahead of their slots.

**New entries.** Nobody waits an hour for the first probe of an hourly Check: a new entry is
started once soon. How soon depends on how many are new: the first starts are spread so that
about 50 a second begin, shared evenly among the tenants that have new entries, or all within 20
seconds. Those that go to one destination follow one after the other: each has a place of its own.
Ten start at once and ten a second from then on; fewer where the plan says how often this worker may
probe one host. Then they take half of what the steady starts there leave of that, or a tenth of it
where these leave nothing: so all workers of a pool together keep to what a host gets. Half, for
while many come, what they ask for later is not all known. A place that comes after the first slot is not
taken, and one that is given up is the next one's: whoever changes a Check again and again has it
probed no more often.

**After a restart.** The entries of a process that takes over from one that died are not new, and
extra starts for all of them would be a burst. So with a period of up to 30 seconds an entry goes
on at its slots: it starts within one period anyhow, and the load is the steady one from the first
moment. What was missed meanwhile is made up for, the latest slot first: one that passed `t`
seconds ago, up to a third of a period, is started in `t` seconds. Whatever a process missed that
was away for two seconds is thus made up for two seconds after its start, no destination gets more
than twice its steady rate, and no gap is longer than a period and twice the time away. Longer
periods are treated as new: their first starts come within 20 seconds.
"""

import math
from bisect import bisect_left, insort
from collections import Counter
from enum import Enum, auto

FIRST_STARTS_PER_SECOND = 50.0
FIRST_STARTS_WITHIN = 20.0
"""Longest wait for a first start, seconds, however many entries are new; for one destination it may be
longer."""
FIRST_STARTS_PER_DESTINATION = 10
"""At once, and a second from then on, at most."""
OF_SPARE = 0.5
AT_LEAST = 0.1
"""Of what a destination may get, however much the steady starts take: who changed a Check waits for it."""
_FEW_DESTINATIONS = 64
SHORT_PERIOD = 30.0
"""Up to here, seconds, an entry is not started ahead of its slots after a restart."""
MADE_UP_FOR = 1 / 3
"""How far back, as a share of the period, the slots before a restart are started after it."""


class FirstStart(Enum):
    """When an entry is started first."""

    SOON = auto()
    """Ahead of its first slot, if that is far off."""
    RESUMED = auto()
    """As after a restart: another process may have started it until a moment ago."""
    AT_SLOT = auto()
    """At its first slot."""


class _Queue:
    """The first starts at one destination, and what else starts there."""

    __slots__ = ("entries", "free", "next", "steady")

    def __init__(self) -> None:
        self.entries = 0
        self.steady = 0.0
        """Starts per second that the periods of all entries ask for."""
        self.next = -math.inf
        """When all places that were taken are paid for, monotonic seconds."""
        self.free: list[float] = []
        """Places that were given up, sorted."""

    def vacant(self, at: float, *, now: float) -> float | None:
        """Give the first place, not before this time, that was given up; `None`: there is none."""
        del self.free[: bisect_left(self.free, now)]
        place = bisect_left(self.free, at)
        return self.free[place] if place < len(self.free) else None


class FirstStarts:
    """Counts the entries that are new, and spreads their first starts."""

    def __init__(self) -> None:
        self.share: float | None = None
        """Starts per second that one destination may get; `None`: nobody said."""
        self._by_tenant: Counter[str] = Counter()
        self._queues: dict[str, _Queue] = {}
        self._swept_at = _FEW_DESTINATIONS

    def join(self, destination: str | None, rate: float, *, now: float) -> None:
        """Count an entry that is started so many times per second."""
        if destination is None:
            return
        if destination not in self._queues:
            self._sweep(now)
            self._queues[destination] = _Queue()
        queue = self._queues[destination]
        queue.entries += 1
        queue.steady += rate

    def retime(self, destination: str | None, change: float) -> None:
        """Note that an entry is started so many times per second more, or less."""
        if destination is not None:
            self._queues[destination].steady += change

    def leave(self, destination: str | None, rate: float) -> None:
        """Count an entry no more; what its destination got is remembered as long as it counts."""
        if destination is None:
            return
        queue = self._queues[destination]
        queue.entries -= 1
        queue.steady = queue.steady - rate if queue.entries else 0.0

    def take(
        self, tenant: str, destination: str | None, *, turn: float, now: float, before: float
    ) -> float | None:
        """Give when one more is started, and have it expected then.

        Args:
            tenant: Whose it is.
            destination: What it is a load to.
            turn: Its random place, in [0, 1).
            now: Monotonic seconds.
            before: Its first slot: `None` is given when its turn would come no sooner.
        """
        own = self._by_tenant[tenant] + 1
        sharing = len(self._by_tenant) + (own == 1)
        at = now + turn * min(FIRST_STARTS_WITHIN, sharing * own / FIRST_STARTS_PER_SECOND)
        queue = None if destination is None else self._queues[destination]
        vacant = None if queue is None else queue.vacant(at, now=now)
        if vacant is not None:
            at = vacant
        elif queue is not None:
            at = max(at, queue.next - (self._burst - 1) / self._rate(queue))
        if at >= before:
            return None
        if queue is not None and vacant is not None:
            queue.free.remove(vacant)
            self._by_tenant[tenant] += 1
        else:
            self.expect(tenant, destination, at, turn=turn, now=now)
        return at

    def expect(self, tenant: str, destination: str | None, at: float, *, turn: float, now: float) -> None:
        """Count one more that is started at this time."""
        self._by_tenant[tenant] += 1
        if destination is None:
            return
        queue = self._queues[destination]
        interval = 1 / self._rate(queue)
        # Workers that are given their plans in one moment must not start in one rhythm.
        queue.next = max(queue.next + interval, at + interval * (1 + turn if queue.next <= now else 1))

    def had(self, tenant: str) -> None:
        """Count one less."""
        self._by_tenant[tenant] -= 1
        if not self._by_tenant[tenant]:
            del self._by_tenant[tenant]

    def give_up(self, tenant: str, destination: str | None, at: float) -> None:
        """Count one less, which was not started: another may have its place."""
        self.had(tenant)
        if destination is not None:
            insort(self._queues[destination].free, at)

    @property
    def _burst(self) -> float:
        """How many go to one destination at once."""
        if self.share is None:
            return FIRST_STARTS_PER_DESTINATION
        return max(1.0, min(FIRST_STARTS_PER_DESTINATION, self.share))

    def _rate(self, queue: _Queue) -> float:
        """How many go to one destination per second from then on."""
        if self.share is None:
            return FIRST_STARTS_PER_DESTINATION
        spare = (self.share - queue.steady) * OF_SPARE
        return min(FIRST_STARTS_PER_DESTINATION, max(spare, self.share * AT_LEAST))

    def _sweep(self, now: float) -> None:
        """Forget the destinations that nothing goes to any more, once they may be half of all."""
        if len(self._queues) < self._swept_at:
            return
        self._queues = {
            name: queue for name, queue in self._queues.items() if queue.entries or queue.next > now
        }
        self._swept_at = 2 * len(self._queues) + _FEW_DESTINATIONS


def goes_on_at_its_slots(period: float) -> bool:
    """Whether an entry with this period (seconds) is not started ahead of its slots after a restart."""
    return period <= SHORT_PERIOD


def is_made_up_for(age: float, period: float) -> bool:
    """Whether a slot so many seconds before a restart is started so many seconds after it."""
    return age < period * MADE_UP_FOR
