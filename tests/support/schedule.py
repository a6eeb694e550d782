"""A schedule on a fake clock, and jobs for it that do as they are told."""

import asyncio
from collections.abc import Callable

from pollwatch.worker.entry import Entry
from pollwatch.worker.first_starts import FirstStart
from pollwatch.worker.schedule import Job, Schedule
from tests.support.clock import FakeClock, run_in_fake_time
from tests.support.starts import StartLog


class ScriptedJob:
    """A job that takes as long as it is told, and notes when it began and what came of it."""

    def __init__(self, clock: FakeClock, *, takes: float = 0.0) -> None:
        self.clock = clock
        self.takes = takes
        self.begun: list[float] = []
        self.results: list[int] = []
        self.cancelled = 0
        self.at_once = 0
        self.most_at_once = 0
        self.when_done: Callable[[], None] = lambda: None

    async def run(self) -> int:
        self.begun.append(self.clock.monotonic())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.takes)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.at_once -= 1
        return len(self.begun)

    def done(self, result: int) -> None:
        self.results.append(result)
        self.when_done()


class ScheduleBench:
    """A schedule on a fake clock, with a job for each name."""

    def __init__(self, *, max_in_flight: int = 1_000) -> None:
        self.clock = FakeClock()
        self.log = StartLog()
        self.schedule: Schedule[int] = Schedule(
            clock=self.clock, recorder=self.log, max_in_flight=max_in_flight
        )
        self.entries = list[Entry[Job[int]]]()

    def add(
        self,
        name: str,
        *,
        period: float,
        takes: float = 0.0,
        first: FirstStart = FirstStart.AT_SLOT,
        tenant: str = "",
    ) -> ScriptedJob:
        job = ScriptedJob(self.clock, takes=takes)
        self.entries.append(self.schedule.add(job, identity=name, period=period, first=first, tenant=tenant))
        return job

    def run(self, *steps: float | Callable[[], None], grace: float = 0.0) -> None:
        """Run the schedule; each step is a time to let pass, in seconds, or something to do."""

        async def main() -> None:
            running = asyncio.create_task(self.schedule.run())
            for step in steps:
                if callable(step):
                    step()
                else:
                    await asyncio.sleep(step)
            await self.schedule.drain(grace)
            await running

        run_in_fake_time(self.clock, main())

    def hold(self, seconds: float) -> Callable[[], None]:
        """Give a step that keeps the event loop busy."""
        return lambda: self.clock.advance(seconds)
