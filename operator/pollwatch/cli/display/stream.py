"""Transitions as they come, one a line, to a file or a pipe."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TextIO

from pollwatch.cli.display.view import Happening, Note

WAITING = 1_000
"""Lines that wait for a slow reader; then the feed waits, which knows how to lose its oldest states."""


class LineStream:
    """Writes a line for each transition.

    Args:
        out: Where transitions go.
        err: Where problems go, and the other notes too if `out` is for transitions only.
        line: Writes a happening as text.
        notes: Whether `out` takes notes.
        lost: Is called once when `out` or `err` cannot be written: nobody reads it, the disk is full.
    """

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        *,
        line: Callable[[Happening], str],
        notes: bool,
        lost: Callable[[OSError], None],
    ) -> None:
        self._out = out
        self._err = err
        self._line = line
        self._notes = notes
        self._lost = lost
        self._waiting: asyncio.Queue[Happening] = asyncio.Queue(WAITING)

    def note(self, happening: Happening) -> None:
        """Write something as soon as the reader allows; it is left out when too much is waiting."""
        with contextlib.suppress(asyncio.QueueFull):
            self._waiting.put_nowait(happening)

    async def tell(self, happening: Happening) -> None:
        """Write something, and wait while too much is waiting already."""
        await self._waiting.put(happening)

    async def run(self, ended: asyncio.Event) -> None:
        """Write until `ended`, and what is left then.

        Writing is left to a thread: a reader that has stopped holds up no probe.
        """
        end = asyncio.create_task(ended.wait())
        while not ended.is_set():
            more = asyncio.create_task(self._waiting.get())
            await asyncio.wait({more, end}, return_when=asyncio.FIRST_COMPLETED)
            batch = [more.result()] if more.done() else []
            more.cancel()
            while not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                await asyncio.to_thread(self._write, batch)
            except OSError as error:
                self._lost(error)
                break
        end.cancel()

    def _write(self, batch: list[Happening]) -> None:
        for happening in batch:
            problem = isinstance(happening, Note) and happening.problem
            to_out = not problem and (self._notes or not isinstance(happening, Note))
            print(self._line(happening), file=self._out if to_out else self._err)
        self._out.flush()
        self._err.flush()
