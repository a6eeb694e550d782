"""When entries that are new are started first, ahead of their slots.

**New entries.** Nobody waits an hour for the first probe of an hourly Check: a new entry is
started once soon. How soon depends on how many are new: the first starts are spread so that
about 50 a second begin, shared evenly among the tenants that have new entries, or all within 20
seconds. Those that go to one destination follow one after the other, ten a second, after ten at
once: a pool of some workers keeps to about the 50 a second that a host gets by default.

**After a restart.** The entries of a process that takes over from one that died are not new, and
extra starts for all of them would be a burst. So with a period of up to 30 seconds an entry goes
on at its slots: it starts within one period anyhow, and the load is the steady one from the first
moment. What was missed meanwhile is made up for, the latest slot first: one that passed `t`
seconds ago, up to a third of a period, is started in `t` seconds. Whatever a process missed that
was away for two seconds is thus made up for two seconds after its start, no destination gets more
than twice its steady rate, and no gap is longer than a period and twice the time away. Longer
periods are treated as new: their first starts come within 20 seconds.
"""

from collections import Counter
from enum import Enum, auto

FIRST_STARTS_PER_SECOND = 50.0
FIRST_STARTS_WITHIN = 20.0
"""Longest wait for a first start, seconds, however many entries are new; for one destination it may be
longer."""
FIRST_STARTS_PER_DESTINATION = 10
"""At once, and a second from then on."""
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


class FirstStarts:
    """Counts the entries that are new, and spreads their first starts."""

    def __init__(self) -> None:
        self._by_tenant: Counter[str] = Counter()
        self._by_destination: Counter[str] = Counter()

    def expect(self, tenant: str, destination: str | None) -> None:
        """Count one more that is new."""
        self._by_tenant[tenant] += 1
        if destination is not None:
            self._by_destination[destination] += 1

    def had(self, tenant: str, destination: str | None) -> None:
        """Count one less."""
        _count_down(self._by_tenant, tenant)
        if destination is not None:
            _count_down(self._by_destination, destination)

    def delay(self, tenant: str, destination: str | None, *, turn: float) -> float:
        """Give in how many seconds one more is started; `turn` is its random place, in [0, 1)."""
        own = self._by_tenant[tenant] + 1
        sharing = len(self._by_tenant) + (own == 1)
        delay = turn * min(FIRST_STARTS_WITHIN, sharing * own / FIRST_STARTS_PER_SECOND)
        before = (
            0 if destination is None else self._by_destination[destination] - FIRST_STARTS_PER_DESTINATION
        )
        if before <= 0:
            return delay
        return max(delay, (before + turn) / FIRST_STARTS_PER_DESTINATION)


def goes_on_at_its_slots(period: float) -> bool:
    """Whether an entry with this period (seconds) is not started ahead of its slots after a restart."""
    return period <= SHORT_PERIOD


def is_made_up_for(age: float, period: float) -> bool:
    """Whether a slot so many seconds before a restart is started so many seconds after it."""
    return age < period * MADE_UP_FOR


def _count_down(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
