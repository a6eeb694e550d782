"""A set that can be walked in steps while it changes."""

from collections.abc import Collection, Iterator
from typing import Generic, TypeVar

BUNDLE: int = 100
"""Members that are looked at in one step: a fraction of a millisecond, with all that is done to them."""

Member = TypeVar("Member")


class Members(Generic[Member]):
    """Members in small bundles; adding and removing takes the same time however many there are.

    A walk takes a bundle at a time, and between two bundles anything may happen: a member that stays
    is seen exactly once, one that comes or goes meanwhile at most once.
    """

    def __init__(self) -> None:
        self._bundles: list[dict[Member, None]] = []
        self._with_room: list[dict[Member, None]] = []
        self._bundle_of: dict[Member, dict[Member, None]] = {}

    def __len__(self) -> int:
        return len(self._bundle_of)

    def add(self, member: Member) -> None:
        """Add a member; it must not be in."""
        if not self._with_room:
            self._with_room.append({})
            self._bundles.append(self._with_room[-1])
        bundle = self._with_room[-1]
        bundle[member] = None
        self._bundle_of[member] = bundle
        if len(bundle) == BUNDLE:
            self._with_room.pop()

    def discard(self, member: Member) -> None:
        """Remove a member, if it is in."""
        bundle = self._bundle_of.pop(member, None)
        if bundle is None:
            return
        if len(bundle) == BUNDLE:
            self._with_room.append(bundle)
        del bundle[member]

    def bundles(self) -> Iterator[Collection[Member]]:
        """Walk the bundles that there are now; each is to be read before the next is asked for."""
        yield from tuple(self._bundles)
