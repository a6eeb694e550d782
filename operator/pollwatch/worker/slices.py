"""Long work in short slices: the loop that probes must not wait for it."""

import asyncio

from pollwatch.plan.clock import Clock

SLICE = 0.002
"""Seconds that the event loop is held at a time."""


class Slices:
    """Says when a loop over many things has to let others run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = clock.monotonic() + SLICE

    async def breathe(self) -> None:
        """Let others run, if the slice is used up."""
        if self._clock.monotonic() >= self._until:
            await asyncio.sleep(0)
            self._until = self._clock.monotonic() + SLICE
