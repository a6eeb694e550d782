"""What waits, in fair order: who has much in the queue keeps nobody else from their turn."""

from collections import OrderedDict
from collections.abc import Callable, Container, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

NOBODY: frozenset[Hashable] = frozenset()


class Turns(Generic[K]):
    """Keys, each of them once: owners take turns, and of one owner the key that waits longest is the next.

    Adding and taking cost the same however many wait.
    """

    def __init__(self, owner: Callable[[K], Hashable]) -> None:
        """Begin without any; `owner` says whose a key is."""
        self._owner = owner
        # The first key of a plain dict takes longer to find the more were taken before it.
        self._waiting = OrderedDict[Hashable, OrderedDict[K, None]]()
        self._count = 0

    def __len__(self) -> int:
        """Count the keys that wait."""
        return self._count

    def add(self, key: K) -> None:
        """Let a key wait behind those of its owner, unless it waits already."""
        keys = self._waiting.setdefault(self._owner(key), OrderedDict())
        before = len(keys)
        keys[key] = None
        self._count += len(keys) - before

    def put_back(self, key: K) -> None:
        """Let a key that was taken wait before those of its owner."""
        self.add(key)
        self._waiting[self._owner(key)].move_to_end(key, last=False)

    def of(self, owner: Hashable) -> tuple[K, ...]:
        """Give the keys of an owner in their order."""
        return tuple(self._waiting.get(owner, ()))

    def take(self, resting: Container[Hashable] = NOBODY) -> K | None:
        """Take the next key; `None`: none waits, but for those of owners that rest."""
        for owner in self._waiting:
            if owner not in resting:
                break
        else:
            return None
        keys = self._waiting[owner]
        key, _ = keys.popitem(last=False)
        self._count -= 1
        if keys:
            self._waiting.move_to_end(owner)
        else:
            del self._waiting[owner]
        return key

    def discard(self, key: K) -> None:
        """Let a key wait no more."""
        owner = self._owner(key)
        keys = self._waiting.get(owner)
        if keys is not None and key in keys:
            self._drop(owner, key)

    def shorten(self) -> None:
        """Drop a key, the newest of the owner that has most; there must be one."""
        owner = max(self._waiting, key=lambda owner: len(self._waiting[owner]))
        self._drop(owner, next(reversed(self._waiting[owner])))

    def clear(self) -> None:
        """Drop all keys."""
        self._waiting.clear()
        self._count = 0

    def _drop(self, owner: Hashable, key: K) -> None:
        del self._waiting[owner][key]
        self._count -= 1
        if not self._waiting[owner]:
            del self._waiting[owner]
