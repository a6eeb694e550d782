"""Who is connected, and who has to go when there are too many: one of whoever has most.

Whatever can reach a worker can open connections to it, and hold them. A limit alone would shut the kubelet's
probes out, and the worker would be killed for it.
"""

from typing import Protocol


class Guest(Protocol):
    """A connection."""

    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        ...

    def drop(self) -> None:
        """End it at once."""
        ...


class Guests:
    """The connections of one server. Belongs to one event loop."""

    def __init__(self, most: int) -> None:
        """Begin without any; `most` is how many there may be."""
        self._most = most
        self._peers: dict[str, dict[Guest, None]] = {}
        """By peer, those that were there first come first."""
        self._count = 0

    def __len__(self) -> int:
        """Count them."""
        return self._count

    def enter(self, guest: Guest, peer: str) -> None:
        """Take one in; where that is too many, drop one.

        It is one of the peer that has most of them: the oldest that is idle, or else the oldest.

        Args:
            guest: the connection.
            peer: the address that it comes from.
        """
        self._peers.setdefault(peer, {})[guest] = None
        self._count += 1
        if self._count > self._most:
            busiest = max(self._peers, key=lambda one: len(self._peers[one]))
            theirs = self._peers[busiest]
            leaving = next((one for one in theirs if one.is_idle()), next(iter(theirs)))
            self.leave(leaving, busiest)
            leaving.drop()

    def leave(self, guest: Guest, peer: str) -> None:
        """Take in that one is gone; a second time does nothing."""
        theirs = self._peers.get(peer, {})
        if guest not in theirs:
            return
        del theirs[guest]
        self._count -= 1
        if not theirs:
            del self._peers[peer]
