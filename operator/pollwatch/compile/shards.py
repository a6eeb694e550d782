"""Which worker of a pool probes which Check.

Rendezvous hashing (Thaler and Ravishankar, 1998) over slots: each worker has a weight in each slot, and
the heaviest owns it. So a worker that is added takes slots from the others and moves none between them,
and one that is removed leaves its slots to the others; nobody has to remember anything.
"""

import struct
from collections.abc import Container, Iterable
from hashlib import shake_128

from pollwatch.plan.checks import CheckKey, CheckPlan
from pollwatch.plan.slots import SLOTS, slot_of

_WEIGHTS = struct.Struct(f"<{SLOTS}Q")
_NOTHING = -1
"""Lighter than every worker."""


class _Slots:
    """Who owns each slot, and by which weight."""

    def __init__(self, owners: Iterable[str], heaviest: Iterable[int]) -> None:
        self.owners = list(owners)
        self.heaviest = list(heaviest)

    def contend(self, name: str, slots: Iterable[int]) -> None:
        """Let a worker have those of some slots in which it is the heaviest."""
        weights = _WEIGHTS.unpack(shake_128(name.encode()).digest(_WEIGHTS.size))
        heaviest, owners = self.heaviest, self.owners
        for slot in slots:
            if weights[slot] > heaviest[slot]:
                heaviest[slot] = weights[slot]
                owners[slot] = name

    def without(self, gone: Container[str], staying: Iterable[str]) -> "_Slots":
        """Copy it, with the slots of some workers left to others."""
        slots = _Slots(self.owners, self.heaviest)
        orphans = [slot for slot, owner in enumerate(self.owners) if owner in gone]
        for slot in orphans:
            slots.heaviest[slot] = _NOTHING
        if orphans:
            for name in staying:
                slots.contend(name, orphans)
        return slots


class Sharding:
    """The share of each worker; the same for the same workers, in whatever order they are named.

    Shares are even up to chance: with n workers, the slots of one deviate by sqrt(n / 16384) (4 workers: 2 %,
    64 workers: 6 %), and the Checks in them by one over the square root of their number (2,500: 2 %).
    """

    def __init__(self, workers: Iterable[str], *, before: "Sharding | None" = None) -> None:
        """Share out all slots.

        Args:
            workers: Their names. A worker keeps its share as long as it keeps its name.
            before: Another one, which this one is derived from: that is cheaper, and makes no difference.

        Raises:
            ValueError: There is no worker, or one is named twice.
        """
        names = sorted(workers)
        if not names or len(set(names)) != len(names):
            raise ValueError(f"at least one worker is needed, and each once, not {names}")
        self.workers = tuple(names)
        """Sorted."""
        known = set(names).intersection(before.workers if before is not None else ())
        if before is not None and known:
            slots = before.slots.without(set(before.workers) - known, sorted(known))
        else:
            slots = _Slots([""] * SLOTS, [_NOTHING] * SLOTS)
        for name in names:
            if name not in known:
                slots.contend(name, range(SLOTS))
        self.slots: _Slots = slots

    def owner(self, key: CheckKey) -> str:
        """Name the worker that probes a Check."""
        return self.slots.owners[slot_of(key)]

    def split(self, checks: Iterable[CheckPlan]) -> dict[str, list[CheckPlan]]:
        """Share out Checks, each worker's in the order that they were given in; a worker may have none."""
        shares: dict[str, list[CheckPlan]] = {name: [] for name in self.workers}
        for check in checks:
            shares[self.owner(check.key)].append(check)
        return shares

    def resized(self, workers: Iterable[str]) -> "Sharding":
        """Share out the slots among other workers: the same as anew, for less.

        Raises:
            ValueError: There is no worker, or one is named twice.
        """
        return Sharding(workers, before=self)
