"""What it costs to start a probe, and how punctual starts are.

Run it with `python -m benchmarks.schedule [CHECKS]` (10,000 by default). The probes do nothing, so all
that is measured is Pollwatch around them: timetable, task, bookkeeping; then verdict and series as well.
"""

import asyncio
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks.punctuality import PunctualityLog
from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe, Plan, Target
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.samples import HttpFacts, Outcome, Phases, Sample
from pollwatch.probes.network import Network, system_network
from pollwatch.series.store import SeriesStore
from pollwatch.worker.feed import Feed
from pollwatch.worker.first_starts import FirstStart
from pollwatch.worker.schedule import Schedule
from pollwatch.worker.worker import Worker

SECONDS = 5.0
WARM_UP = 5.0
"""Besides one period, so that all have been started."""
NOTHING = Sample(
    started=1_795_000_000.0,
    duration=0.01,
    outcome=Outcome.SUCCESS,
    phases=Phases(0.001, 0.002, 0.0, 0.006, 0.001),
    address="192.0.2.17",
    resolved=("192.0.2.17",),
    http=HttpFacts(status=200, version="1.1", content_length=2048, body_bytes=2048, redirects=0, tls=False),
)


class Idle:
    """A job that has nothing to do."""

    async def run(self) -> Sample:
        """Be a coroutine, as a probe is."""
        return NOTHING

    def done(self, result: Sample) -> None:
        """Throw the sample away."""


async def find_nothing(target: Target, network: Network) -> Sample:
    """Probe nothing."""
    del target, network
    return NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one run."""

    starts: int
    cpu: float
    """Seconds of CPU for all of them."""
    lateness: list[float]
    missed: int

    def show(self, name: str) -> None:
        """Print a line."""
        *_, p99 = statistics.quantiles(self.lateness, n=100)
        print(
            f"{name:<44}{self.starts / SECONDS:>8.0f}/s{self.cpu / self.starts * 1e6:>8.1f} us CPU a start,"
            f" late p50 {statistics.median(self.lateness) * 1e3:.1f} p99 {p99 * 1e3:.1f}"
            f" max {max(self.lateness) * 1e3:.1f} ms, missed {self.missed}"
        )


async def measure(log: PunctualityLog, run: Callable[[], Awaitable[None]], period: float) -> Figures:
    """Measure some seconds of a schedule after its first ones."""
    running = asyncio.ensure_future(run())
    await asyncio.sleep(WARM_UP + period)
    log.reset()
    before = time.process_time()
    await asyncio.sleep(SECONDS)
    cpu = time.process_time() - before
    figures = Figures(starts=len(log.lateness), cpu=cpu, lateness=log.lateness, missed=log.slots_missed)
    running.cancel()
    return figures


async def bare_tasks(starts: int) -> float:
    """Give the seconds of CPU that a task around an idle job takes, and nothing else."""
    loop = asyncio.get_running_loop()
    job = Idle()
    before = time.process_time()
    for _ in range(starts // 100):
        tasks = [loop.create_task(job.run()) for _ in range(100)]
        await tasks[-1]
    return (time.process_time() - before) / starts


async def schedule_alone(jobs: int, period: float) -> Figures:
    """Run idle jobs by the schedule alone."""
    clock = SystemClock()
    log = PunctualityLog(clock)
    schedule: Schedule[Sample] = Schedule(clock=clock, recorder=log, max_in_flight=10_000)
    for number in range(jobs):
        schedule.add(Idle(), identity=str(number), period=period, first=FirstStart.AT_SLOT)
    return await measure(log, schedule.run, period)


def make_plan(checks: int, period: float) -> Plan:
    """Make ordinary Checks."""
    return Plan(
        checks=tuple(
            CheckPlan(
                key=CheckKey("public-sites", f"immigration-front-page-{number}"),
                uid=str(number),
                generation=1,
                period=period,
                timeout=period,
                target=f"https://www{number}.example.org/",
                probe=HttpProbe(url=f"https://www{number}.example.org/"),
            )
            for number in range(checks)
        )
    )


def resident_kilobytes() -> float:
    """Read how much memory the process has now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e3


def make_worker() -> tuple[Worker, PunctualityLog]:
    """Make a worker with everything but the network."""
    clock = SystemClock()
    log = PunctualityLog(clock)
    worker = Worker(
        network=system_network(),
        series=SeriesStore(),
        metrics=log,
        feed=Feed(clock=clock),
        take_sample=find_nothing,
    )
    return worker, log


async def whole_worker(checks: int, period: float) -> Figures:
    """Run a worker whose probes are idle."""
    worker, log = make_worker()
    worker.apply(make_plan(checks, period))
    return await measure(log, worker.run, period)


async def plans(checks: int) -> None:
    """Show what it takes to take up a plan, to apply it again, and to hold it."""
    worker, _ = make_worker()
    plan, equal_plan = make_plan(checks, 3_600.0), make_plan(checks, 3_600.0)
    running = asyncio.ensure_future(worker.run())
    memory, before = resident_kilobytes(), time.process_time()
    worker.apply(plan)
    while not worker.targets(plan.checks[-1].key):  # noqa: ASYNC110 - nobody else wants to be told
        await asyncio.sleep(0.05)
    taken_up = time.process_time() - before
    memory = resident_kilobytes() - memory
    before = time.process_time()
    worker.apply(plan)
    same = time.process_time() - before
    before = time.process_time()
    worker.apply(equal_plan)
    equal = time.process_time() - before
    running.cancel()
    print(f"{'a new Check':<44}{taken_up / checks * 1e6:>10.1f} us CPU, {memory / checks:.1f} kB")
    print(f"{'a plan with the same objects, again':<44}{same * 1e3:>10.1f} ms CPU")
    print(f"{'a plan with equal objects':<44}{equal * 1e3:>10.1f} ms CPU")


def main(checks: int) -> None:
    """Measure and print."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        bare = runner.run(bare_tasks(200_000))
        print(f"{'a task and nothing else':<56}{bare * 1e6:>8.1f} us CPU")
        runner.run(plans(checks))
        runner.run(schedule_alone(checks, 1.0)).show("the schedule, each second")
        runner.run(schedule_alone(checks, 10.0)).show("the schedule, each 10 s")
        runner.run(whole_worker(checks, 1.0)).show("the worker, each second")
        runner.run(whole_worker(checks, 10.0)).show("the worker, each 10 s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
