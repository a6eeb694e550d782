"""Whose turn it is: tenants (namespaces) that share one worker.

**Turns.** While more is due than may start, the tenants take turns, one start each. Whoever has
little due is therefore served within a few turns, however much another one has.

**Room.** What hangs holds its room until its timeout, and cannot be sent away. So room is kept
for those who may come: a tenant may take up to `MOST_TO_FREE` times what is left free (as
packet switches share their memory: Choudhury and Hahne, Dynamic Queue Length Thresholds, 1998).
One that fills up all it can leaves a ninth free, two leave a seventeenth, and whoever has little
under way finds room at once. While another tenant waits, none starts that has half of all room.
A tenant that is alone in the plan may use everything.
"""

import math
from collections import OrderedDict
from typing import Generic, TypeVar

MOST_TO_FREE = 8
"""How many times what is left free one tenant may have running."""

E = TypeVar("E")


class Tenant(Generic[E]):
    """One tenant. Only its `Tenants` make and drop it."""

    __slots__ = ("entries", "name", "ready", "running", "saturated_at")

    def __init__(self, name: str) -> None:
        self.name = name
        self.entries = 0
        """How many it has."""
        self.running = 0
        """How many of them are running."""
        self.ready: OrderedDict[E, None] = OrderedDict()
        """Those that are due and wait for their turn, the first to come first."""
        self.saturated_at = -math.inf
        """When some of them last waited for want of room, monotonic seconds."""


class Tenants(Generic[E]):
    """The tenants of a timetable: their queues, their turns and their room."""

    def __init__(self) -> None:
        self._by_name: dict[str, Tenant[E]] = {}
        self.waiting: OrderedDict[str, Tenant[E]] = OrderedDict()
        """Those with something ready, in the order of their turns."""
        self.running = 0
        """How many entries are, of all tenants."""

    def join(self, name: str) -> Tenant[E]:
        """Count one more entry of a tenant, which may be its first."""
        tenant = self._by_name.get(name)
        if tenant is None:
            tenant = self._by_name[name] = Tenant(name)
        tenant.entries += 1
        return tenant

    def leave(self, tenant: Tenant[E]) -> None:
        """Count one less; a tenant without any is forgotten."""
        tenant.entries -= 1
        if not tenant.entries:
            del self._by_name[tenant.name]

    def started(self, tenant: Tenant[E]) -> None:
        """Count one more that is running."""
        tenant.running += 1
        self.running += 1

    def ended(self, tenant: Tenant[E]) -> None:
        """Count one less."""
        tenant.running -= 1
        self.running -= 1

    def wait(self, tenant: Tenant[E], entry: E) -> None:
        """Have an entry wait for its tenant's turn."""
        tenant.ready[entry] = None
        self.waiting[tenant.name] = tenant

    def forget(self, tenant: Tenant[E], entry: E) -> None:
        """Take an entry out of the queue."""
        del tenant.ready[entry]
        if not tenant.ready:
            del self.waiting[tenant.name]

    def has_room(self, tenant: Tenant[E], free: int) -> bool:
        """Whether one more of a tenant may be running where so many more may be in all."""
        if free <= 0 or len(self._by_name) <= 1:
            return free > 0
        if tenant.running >= MOST_TO_FREE * free:
            return False
        others_wait = len(self.waiting) > (tenant.name in self.waiting)
        return not others_wait or 2 * tenant.running < self.running + free

    def next_in_turn(self, free: int) -> E | None:
        """Give whose turn it is, out of the queue; `None` when nobody that waits has room."""
        for _ in range(len(self.waiting)):
            tenant = next(iter(self.waiting.values()))
            if self.has_room(tenant, free):
                entry, _ = tenant.ready.popitem(last=False)
                if tenant.ready:
                    self.waiting.move_to_end(tenant.name)
                else:
                    del self.waiting[tenant.name]
                return entry
            self.waiting.move_to_end(tenant.name)
        return None

    def note_saturation(self, free: int, now: float) -> None:
        """Note which of those that wait do so for want of room, at `now` (monotonic seconds)."""
        for tenant in self.waiting.values():
            if not self.has_room(tenant, free):
                tenant.saturated_at = now
