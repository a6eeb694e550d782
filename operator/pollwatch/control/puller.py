"""Reads a worker's feed, and goes on from where it was."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import structlog

from pollwatch.control.data_plane import Found
from pollwatch.control.feed_page import (
    QUOTED,
    BadFeedError,
    FeedError,
    NoAnswerError,
    Page,
    UnauthorizedError,
    at_latest,
    read_page,
)
from pollwatch.control.limiter import TokenBucket
from pollwatch.control.link_problems import LinkProblem, bad_feed, token_mismatch, unreachable
from pollwatch.control.peer import LOOK_FOR_ADDRESS, PATIENCE, Peer, by_acceptance
from pollwatch.control.plan_book import PlanBook
from pollwatch.plan.reports import PlanReport, WorkerReport
from pollwatch.plan.states import CheckState
from pollwatch.worker.runner import first_state
from pollwatch.worker.slices import Slices

WAIT = 10.0
"""Seconds that a read waits for news at the worker; a network that swallows all is noticed soon after."""

INTERVAL = 0.1
"""Seconds from one read to the next, at least: a worker that was taken over must not keep us busy."""

STATES_RATE, STATES_BURST = 1000.0, 65_536.0
"""States a second that one worker may tell us in the long run, and at once: a whole feed and a snapshot.
One that was taken over could otherwise tell more than can be taken in, and fill our memory with it."""

SKEW = 60.0
"""Seconds that a clock may be behind another which tells the same time, nearly."""

VOUCHED = 30.0
"""Seconds without an answer after which nobody vouches any more for what the worker found."""


class Puller:
    """The feed of one worker. Its attributes are for `links` to read."""

    def __init__(
        self,
        peer: Peer,
        *,
        book: PlanBook,
        found: Callable[[Found], None],
        changed: Callable[[], None],
    ) -> None:
        """Begin without a cursor: the worker tells all it has.

        Args:
            peer: the worker.
            book: what it was given.
            found: takes in what it found, oldest first.
            changed: called when an attribute changed.
        """
        self.report: WorkerReport | None = None
        """The last one; `None`: it has not been heard yet."""
        self.heard_at: float | None = None
        """When it answered last, Unix seconds."""
        self.lost = 0
        """States that were overwritten before they were read."""
        self.lost_at: float | None = None
        """When that was noticed last, Unix seconds."""
        self.problem: LinkProblem | None = None
        self._peer = peer
        self._book = book
        self._found = found
        self._changed = changed
        self._cursor = 0
        self._pace = TokenBucket(rate=STATES_RATE, burst=STATES_BURST, clock=peer.clock)
        self._delay = 0.0
        """How old the last news was when it came, seconds."""
        self._answered_at = peer.clock.monotonic()
        """When the last page came, monotonic seconds."""
        self._waiting_since = peer.clock.monotonic()
        """When the read began that is under way, monotonic seconds."""
        self._failing_since: float | None = None
        """Since when no read succeeded, monotonic seconds."""
        self._given_up_at: float | None = None
        """When it was last said that nothing is known any more, monotonic seconds; `None`: it holds."""
        self._wants_all = False
        """Whether the worker, that was given up, is to say how everything is."""
        self._moved = asyncio.Event()
        self._log = structlog.get_logger("pollwatch.links").bind(pool=peer.pool, worker=peer.worker)

    @property
    def in_reach(self) -> bool:
        """Whether it was read, and nothing has failed since."""
        return self.report is not None and self._failing_since is None

    @property
    def lag(self) -> float:
        """How far behind the worker our knowledge is, seconds; grows while it cannot be heard."""
        now = self._peer.clock.monotonic()
        since = self._waiting_since + WAIT if self._failing_since is None else self._failing_since
        return self._delay + max(0.0, now - since)

    def nudge(self) -> None:
        """Look again: the worker's address or its keys may have changed."""
        self._moved.set()

    def learned(self, plan: PlanReport) -> None:
        """Take in what the worker said of its plan when that was pushed."""
        if self._failing_since is not None:
            # It can be reached again.
            self._moved.set()
        if self.report is not None:
            self.report = replace(self.report, plan=plan)
            self._changed()

    async def run(self) -> None:
        """Read, for ever."""
        clock = self._peer.clock
        failures = 0
        while True:
            self._waiting_since = started = clock.monotonic()
            address = self._peer.address()
            if address is None:
                # That is the workload's trouble, and its own conditions tell of it.
                self._failing_since = self._failing_since or started
                self._judge_silence()
                await self._rest(LOOK_FOR_ADDRESS)
                continue
            try:
                page = await self._unless_moved(self._read(address), address)
            except FeedError as error:
                failures += 1
                self._failed(error, started)
                if await self._rest(self._peer.delay(failures)):
                    failures = 0
                continue
            failures = 0
            if page is not None:
                await self._take(page)
                owed = self._pace.reserve(len(page.history) + len(page.newest))
                await asyncio.sleep(max(owed, started + INTERVAL - clock.monotonic()))

    async def _read(self, address: str) -> Page:
        """Read a page, showing one key after the other until one is accepted."""
        refusal = UnauthorizedError("there is no key to show yet")
        report = self.report
        for token in by_acceptance(self._peer.keys().feed_tokens, report.keys if report is not None else ()):
            try:
                page = await read_page(
                    self._peer.client,
                    address,
                    token,
                    instance=report.instance if report is not None and not self._wants_all else "",
                    after=self._cursor,
                    # What was silent is asked for a word at once.
                    wait=WAIT if self._failing_since is None else 0.0,
                    owns=self._book.__contains__,
                    clock=self._peer.clock,
                )
            except UnauthorizedError as error:
                refusal = error
            else:
                self._recognise(page, address)
                return page
        raise refusal

    def _recognise(self, page: Page, address: str) -> None:
        """Make sure that it is the worker that was asked: addresses change hands.

        Raises:
            NoAnswerError: It is another one.
        """
        worker = page.head.report.worker
        # One without a plan does not know its name yet.
        if worker and worker != self._peer.worker:
            raise NoAnswerError(f"{address}: worker {worker[:QUOTED]} answers there")

    async def _unless_moved(self, reading: Coroutine[Any, Any, Page], address: str) -> Page | None:
        """Wait for a page, but not from a place where the worker is no longer: then `None`."""
        task = asyncio.ensure_future(reading)
        try:
            while not task.done():
                self._moved.clear()
                moved = asyncio.ensure_future(self._moved.wait())
                try:
                    await asyncio.wait({task, moved}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    moved.cancel()
                if not task.done() and self._peer.address() != address:
                    return None
            return await task
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _rest(self, seconds: float) -> bool:
        """Wait, unless there is something new to try; return whether there is."""
        self._moved.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        return self._moved.is_set()

    def _failed(self, error: FeedError, started: float) -> None:
        peer = self._peer
        peer.metrics.feed_errors.labels(peer.pool, peer.worker).inc()
        self._failing_since = self._failing_since or started
        self._judge_silence()
        is_patient = peer.clock.monotonic() - self._failing_since < PATIENCE
        if isinstance(error, UnauthorizedError):
            # The keys of a worker that is new are being made.
            if is_patient and not peer.keys().feed_tokens:
                return
            problem = token_mismatch(peer.worker, str(error))
        elif isinstance(error, BadFeedError):
            problem = bad_feed(peer.worker, str(error))
        elif is_patient:
            return
        else:
            problem = unreachable(peer.worker, str(error))
        if self.problem is None:
            self._log.warning(
                "the feed cannot be read; trying again", reason=problem.reason, error=str(error)
            )
        if self.problem != problem:
            self.problem = problem
            self._changed()

    def _judge_silence(self) -> None:
        """During a long silence, say now and then of all Checks that nobody knows how they are."""
        now = self._peer.clock.monotonic()
        last = self._given_up_at if self._given_up_at is not None else self._failing_since
        if last is None or now - last < VOUCHED:
            return
        if self._given_up_at is None:
            self._log.warning("nobody vouches any more for what the worker found", checks=len(self._book))
        self._given_up_at = now
        for check in self._book.checks():
            self._found(Found(pool=self._peer.pool, state=first_state(check, now=self._peer.clock.time())))

    async def _take(self, page: Page) -> None:
        peer, report = self._peer, page.head.report
        if self.problem is not None:
            self._log.info("the feed is read again")
        if self.report is not None and self.report.instance != report.instance:
            peer.metrics.worker_restarts.labels(peer.pool, peer.worker).inc()
            self._log.info("worker was started anew", version=report.version)
        now = peer.clock.time()
        lost = page.head.lost + page.overflowed
        if lost:
            peer.metrics.feed_lost.labels(peer.pool, peer.worker).inc(lost)
            self.lost, self.lost_at = self.lost + lost, now
            self._log.warning("the feed overflowed: transitions are lost, verdicts are not", states=lost)
        self.problem, self._failing_since = None, None
        if page.head.snapshot:
            self._given_up_at = None
        # A worker that was given up tells first what it went through, then how everything is.
        self._wants_all = self._given_up_at is not None
        self.report, self._cursor, self.heard_at = report, page.cursor, now
        # What is new came after the last page, whatever the worker's clock says.
        answered, self._answered_at = self._answered_at, peer.clock.monotonic()
        self._delay = min(_age(page, now), self._answered_at - answered)
        peer.metrics.feed_states.labels(peer.pool).inc(len(page.history) + len(page.newest))
        self._changed()
        slices = Slices(peer.clock)
        tells_age = page.head.recent is not None
        behind = 0.0 if page.head.now is None else now - page.head.now
        for state in page.history:
            # Of what is old, a worker tells the newest state alone.
            self._found(
                Found(
                    pool=peer.pool,
                    state=state,
                    history=True,
                    recent=tells_age or None,
                    worker=peer.worker,
                    behind=_behind(state, behind, now=now),
                )
            )
            await slices.breathe()
        for state in page.newest:
            recent = state.key in page.recent if tells_age else None
            self._found(
                Found(
                    pool=peer.pool,
                    state=at_latest(state, now),
                    recent=recent,
                    worker=peer.worker,
                    behind=_behind(state, behind, now=now),
                )
            )
            await slices.breathe()


def _age(page: Page, now: float) -> float:
    """Give how old the oldest news of a page is, seconds; a snapshot is no news."""
    if page.head.snapshot:
        return 0.0
    return max(0.0, now - min((state.at for state in _states(page)), default=now))


def _behind(state: CheckState, seconds: float, *, now: float) -> float:
    """Give how far the clock was behind by which a state is told, as far as that can be known.

    Args:
        state: as the worker told it.
        seconds: how far the worker's clock is behind ours now.
        now: Unix seconds.
    """
    # One that would be to come was told before the clock was set back.
    return seconds if seconds > SKEW and state.since + seconds <= now + SKEW else 0.0


def _states(page: Page) -> tuple[CheckState, ...]:
    return page.history + page.newest
