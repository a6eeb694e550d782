"""Where the watch drops what it sees, on its own thread, for the operator's loop to take."""

import asyncio
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pollwatch.control.cluster import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One object as the watch saw it."""

    resource: Resource
    """What was watched."""
    document: Mapping[str, Any] = field(repr=False)
    """Its last state, when it was deleted. It may be a Secret."""
    deleted: bool = False


class Inbox:
    """A thread-safe queue between one writing thread and one reading event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changes: deque[Change] = deque()
        self._arrived = asyncio.Event()
        self._lock = threading.Lock()
        self._told = False
        """Whether the reader was, or is about to be, woken for what is in the queue."""

    def __len__(self) -> int:
        """Count the changes that were not taken yet."""
        return len(self._changes)

    def put(self, change: Change) -> None:
        """Add a change; may be called from any thread."""
        with self._lock:
            self._changes.append(change)
            tell = not self._told
            self._told = True
        if tell and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._arrived.set)

    def take(self) -> Change | None:
        """Take the oldest change, if there is one."""
        try:
            return self._changes.popleft()
        except IndexError:
            return None

    async def wait(self) -> None:
        """Return when there is something to take."""
        while True:
            with self._lock:
                if self._changes:
                    return
                self._told = False
                self._arrived.clear()
            await self._arrived.wait()
