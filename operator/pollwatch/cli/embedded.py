"""The data plane in this very process, and what people are shown of it: what `pollwatch run` runs."""

import asyncio
import heapq
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from pollwatch.cli.display.board import Board, Now
from pollwatch.cli.display.lines import worth_a_line
from pollwatch.cli.display.view import CheckRow, Happening, View
from pollwatch.cli.display.words import SEVERITY
from pollwatch.plan.checks import Plan
from pollwatch.plan.states import CheckState
from pollwatch.probes.network import Network
from pollwatch.worker.prober import Prober
from pollwatch.worker.process import MOST_PROBES
from pollwatch.worker.serve import ListenError

DEFAULT_LISTEN = "127.0.0.1:9877"
ANY_PORT = "127.0.0.1:0"
"""Where metrics go when nobody asked for an address and the default one is taken: two runs on a
laptop are no mistake."""
GRACE = 0.5
"""Seconds that probes under way get at the end: nobody waits for a timeout after Ctrl-C."""
MOST_ROWS = 200
"""Checks that are looked at for the table, the worst first: more than a screen has lines."""


class Display(Protocol):
    """Shows what happens."""

    def note(self, happening: Happening) -> None:
        """Show something that is no transition."""
        ...

    async def tell(self, happening: Happening) -> None:
        """Show a transition; may wait for a slow reader."""
        ...

    async def run(self, ended: asyncio.Event) -> None:
        """Do the showing until `ended`."""
        ...


class Embedded:
    """A worker, its endpoints and a display, from start to end. Belongs to one event loop.

    Args:
        network: The way out; its owner closes it.
        listen: Where metrics are served; `None`: at the default address, or any free port.
        histories: Whether recent samples are remembered, for a table.
        max_in_flight: How many probes may be under way at a time.
    """

    def __init__(
        self, network: Network, *, listen: str | None, histories: bool, max_in_flight: int = MOST_PROBES
    ) -> None:
        clock = network.clock
        self.board = Board(clock, histories=histories)
        self.started = clock.time()
        """Unix seconds."""
        self.plan = Plan()
        """What is probed."""
        self._clock = clock
        self._prober = Prober(network, listener=self.board.observe, max_in_flight=max_in_flight)
        self._worker = self._prober.worker
        self._listen = listen
        self._server = self._prober.server(listen or DEFAULT_LISTEN)
        self._display: Display | None = None
        self.ended = asyncio.Event()
        """Set when the run is to end."""
        self.problem: str | None = None
        """What ended it, if that was no wish of the user's."""

    @property
    def metrics_url(self) -> str:
        """Where the metrics are, once `start` returned."""
        return f"{self._server.url}/metrics"

    def apply(self, plan: Plan) -> None:
        """Probe what is in the plan, and nothing else."""
        self.plan = plan
        self._worker.apply(plan)

    def note(self, text: str, *, problem: bool = False) -> None:
        """Show a line among the transitions."""
        note = self.board.note(text, problem=problem)
        if self._display is not None:
            self._display.note(note)

    def stop(self, problem: str | None = None) -> None:
        """End the run, because of a problem if one is given; may be called again."""
        self.problem = self.problem or problem
        self.ended.set()

    async def start(self) -> None:
        """Begin to serve metrics.

        Raises:
            ListenError: The address that was asked for cannot be had.
        """
        try:
            await self._server.start()
        except ListenError:
            if self._listen is not None:
                raise
            self._server = self._prober.server(ANY_PORT)
            await self._server.start()

    async def run(
        self, display: Display, *beside: Awaitable[None], until: Awaitable[None] | None = None
    ) -> None:
        """Probe until `stop` is called, a signal asks for it, or `until` is over.

        Args:
            display: What shows it.
            beside: What goes on meanwhile; cancelled at the end.
            until: What ends the run when it returns.
        """
        self._display = display
        try:
            with stopping_signals(self.stop):
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._prober.run())
                    tasks.create_task(display.run(self.ended))
                    meanwhile = [
                        tasks.create_task(_awaited(work)) for work in (self._follow(display), *beside)
                    ]
                    if until is not None:
                        meanwhile.append(tasks.create_task(self._end_with(until)))
                    await self.ended.wait()
                    self._worker.stop()
                    for task in meanwhile:
                        task.cancel()
        finally:
            await self._worker.drain(GRACE)
            await self._server.stop()

    def view(self) -> View:
        """Put together what there is to see now."""
        states = self._worker.states()
        if self.board.histories > sum(state.total for state in states.values()):
            self.board.forget(
                (key, target.address or "") for key in states for target in self._worker.targets(key)
            )
        worst = heapq.nsmallest(MOST_ROWS, states.values(), key=lambda s: (SEVERITY[s.verdict], s.key))
        return View(
            now=self._clock.time(),
            started=self.started,
            metrics_url=self.metrics_url,
            checks=tuple(self._row(state) for state in sorted(worst, key=lambda state: state.key)),
            verdicts=Counter(state.verdict for state in states.values()),
            happenings=tuple(self.board.happenings),
        )

    def _row(self, state: CheckState) -> CheckRow:
        now = self._clock.time()
        targets = (
            Now(
                target.address or "",
                target.verdict,
                target.sample,
                0.0 if target.probing else target.due - now,
            )
            for target in self._worker.targets(state.key)
        )
        return self.board.row(state, targets)

    async def _follow(self, display: Display) -> None:
        """Show each transition as the feed has it."""
        feed = self._prober.feed
        cursor = 0
        while True:
            await feed.wait(cursor)
            page = feed.read(cursor)
            if page.lost:
                self.note(
                    f"{page.lost} transitions were lost: they came faster than they were read", problem=True
                )
            for entry in page.entries:
                if worth_a_line(entry.state):
                    self.board.record(entry.state)
                    await display.tell(entry.state)
            cursor = page.cursor

    async def _end_with(self, work: Awaitable[None]) -> None:
        await work
        self.stop()


@contextmanager
def stopping_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on SIGINT (Ctrl-C) and SIGTERM."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _awaited(work: Awaitable[None]) -> None:
    await work
