"""The live table on a terminal: drawn a few times a second, gone when the run ends."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import MemoryHandler

from rich.console import Console
from rich.live import Live

from pollwatch.cli.display.dashboard import Dashboard
from pollwatch.cli.display.view import Happening, View

INTERVAL = 0.25
"""Seconds between two drawings: countdowns move, and a terminal far away keeps up."""
MOST_LOGS = 1_000
"""Log records that are held back while the table is on the screen."""


class LiveTable:
    """Shows a view again and again on the terminal's alternate screen."""

    def __init__(self, console: Console, view: Callable[[], View]) -> None:
        self._console = console
        self._view = view

    def note(self, happening: Happening) -> None:
        """Do nothing: the view has it."""

    async def tell(self, happening: Happening) -> None:
        """Do nothing: the view has it."""

    async def run(self, ended: asyncio.Event) -> None:
        """Draw until `ended`, then give the terminal back as it was.

        Drawing is left to a thread: a terminal that is slow, or stopped with Ctrl-S, holds up no probe.
        """
        live = Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with held_back_logs(), live:
            while not ended.is_set():
                await asyncio.to_thread(live.update, Dashboard(self._view()), refresh=True)
                try:
                    async with asyncio.timeout(INTERVAL):
                        await ended.wait()
                except TimeoutError:
                    pass


@contextmanager
def held_back_logs() -> Iterator[None]:
    """Keep what is logged until the table has left the screen, where it would be painted over."""
    root = logging.getLogger()
    held = MemoryHandler(MOST_LOGS, flushLevel=logging.CRITICAL + 1, target=logging.StreamHandler())
    root.addHandler(held)
    try:
        yield
    finally:
        root.removeHandler(held)
        held.close()
