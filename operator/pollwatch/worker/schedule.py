"""Starts what is due, and owns every task it starts.

The event loop is woken for a batch of probes, not for each: a wake-up costs more than a
start. Wake-ups are at least `QUANTUM` apart, and a batch is bounded (`worker.pace`).
"""

import asyncio
import logging
import math
from collections.abc import Awaitable
from typing import Generic, Protocol, TypeVar

from pollwatch.plan.clock import Clock
from pollwatch.worker.entry import Entry
from pollwatch.worker.first_starts import FirstStart
from pollwatch.worker.pace import Pace
from pollwatch.worker.timetable import StartRecorder, Timetable

QUANTUM = 0.005
"""Least time between two wake-ups, seconds: what grouping may add to lateness."""
TIMER_RESOLUTION = 0.001
"""Event loops round timers to milliseconds; woken too early, they would find nothing due."""

logger = logging.getLogger(__name__)

R = TypeVar("R")


class Job(Protocol[R]):
    """What is done each period."""

    def run(self) -> Awaitable[R]:
        """Do it once; cancelled when the job is removed meanwhile."""
        ...

    def done(self, result: R) -> None:
        """Take the result of a run; not called when it was cancelled."""
        ...


class Schedule(Generic[R]):
    """Runs jobs by a timetable. A job never overlaps itself.

    Jobs may be added and removed at any time, also by a job's own `done`, from the thread
    of the event loop.
    """

    def __init__(self, *, clock: Clock, recorder: StartRecorder, max_in_flight: int) -> None:
        """Make an empty schedule; nothing starts until `run`.

        Args:
            clock: Its readings at this moment anchor all phases.
            recorder: Is told of each start and of each slot that is missed.
            max_in_flight: How many jobs may be running at a time, at least 1.
        """
        if max_in_flight < 1:
            raise ValueError(f"max_in_flight must be at least 1, got {max_in_flight}")
        now = clock.monotonic()
        self._clock = clock
        self._recorder = recorder
        self._max_in_flight = max_in_flight
        self._timetable: Timetable[Job[R]] = Timetable(monotonic=now, unix=clock.time(), recorder=recorder)
        self._pace = Pace(now)
        self._tasks: dict[Entry[Job[R]], asyncio.Task[None]] = {}
        self._cancelled: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = -math.inf
        """When `run` goes on; in the past while it is not asleep."""
        self._woken = -math.inf

    @property
    def in_flight(self) -> int:
        """How many runs have not ended."""
        return len(self._tasks) + len(self._cancelled)

    @property
    def rate(self) -> float:
        """Starts per second that all periods together ask for."""
        return self._timetable.rate

    def limit_destinations(self, share: float | None) -> None:
        """Say how many starts per second one destination may get; `None`: nobody said."""
        self._timetable.limit_destinations(share)

    def add(
        self,
        job: Job[R],
        *,
        identity: str,
        period: float,
        first: FirstStart = FirstStart.SOON,
        tenant: str = "",
        destination: str | None = None,
    ) -> Entry[Job[R]]:
        """Put a job on the timetable; the arguments are those of `Timetable.add`."""
        entry = self._timetable.add(
            job,
            identity=identity,
            period=period,
            now=self._clock.monotonic(),
            first=first,
            tenant=tenant,
            destination=destination,
        )
        self._wake_before(entry.due)
        return entry

    def retime(self, entry: Entry[Job[R]], period: float) -> None:
        """Give a job another period; see `Timetable.retime`."""
        self._timetable.retime(entry, period=period, now=self._clock.monotonic())
        self._wake_before(entry.due)

    def remove(self, entry: Entry[Job[R]]) -> None:
        """Take a job off the timetable, and cancel its run."""
        self._timetable.remove(entry)
        task = self._tasks.pop(entry, None)
        if task is not None:
            self._cancel(task)

    def due(self, entry: Entry[Job[R]]) -> float:
        """Give the next slot of a job, Unix seconds."""
        return self._timetable.unix(entry.due)

    async def run(self) -> None:
        """Start what is due, until `stop`."""
        while not self._stopping:
            now = self._clock.monotonic()
            self._start_due(now)
            self._woken = now
            self._wake_at = math.inf
            self._wake_before(self._timetable.next_due)
            await self._wake.wait()
            self._wake.clear()
        if self._timer is not None:
            self._timer.cancel()

    def stop(self) -> None:
        """Start nothing more; what is running goes on."""
        self._stopping = True
        self._wake.set()

    async def drain(self, grace: float) -> None:
        """Stop, wait up to `grace` seconds for what is running, and cancel the rest."""
        self.stop()
        running = {*self._tasks.values(), *self._cancelled}
        if not running:
            return
        _, overdue = await asyncio.wait(running, timeout=grace)
        self._tasks.clear()
        for task in overdue:
            self._cancel(task)
        if overdue:
            await asyncio.wait(overdue)

    def _start_due(self, now: float) -> None:
        loop = asyncio.get_running_loop()
        starts = self._timetable.pop_due(
            now,
            self._pace.allowance(now, self._timetable.rate),
            room=max(0, self._max_in_flight - self.in_flight),
        )
        self._pace.spend(len(starts))
        for entry in starts:
            self._tasks[entry] = loop.create_task(self._run(entry))

    async def _run(self, entry: Entry[Job[R]]) -> None:
        self._recorder.started(max(0.0, self._clock.monotonic() - entry.started_for))
        try:
            result = await entry.work.run()
            # From here on the job may remove itself, which must not cancel this very task.
            self._tasks.pop(entry, None)
            if entry.alive:
                entry.work.done(result)
        except Exception:
            # A defect in one job is nobody else's concern.
            logger.exception("A scheduled job failed")
        finally:
            self._tasks.pop(entry, None)
            overran = entry.parked
            self._timetable.finished(entry)
            if overran:
                self._wake_before(entry.due)

    def _cancel(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._cancelled.add(task)
        task.add_done_callback(self._cancelled.discard)

    def _wake_before(self, due: float) -> None:
        """See to it that `run` is awake soon after `due`."""
        at = max(due, self._woken + QUANTUM)
        if at >= self._wake_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._wake_at = at
        delay = max(0.0, at - self._clock.monotonic()) + TIMER_RESOLUTION
        self._timer = asyncio.get_running_loop().call_later(delay, self._wake.set)
