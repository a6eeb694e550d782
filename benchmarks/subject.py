"""A whole worker in a process of its own: schedule, probes, verdicts, series, `/metrics`.

Started by the benchmarks as `python -m benchmarks.subject`; reads its `Order` as JSON from standard
input and prints its `Figures` as JSON when it has run for the time ordered.
"""

import asyncio
import json
import resource
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from benchmarks.processes import resident_bytes
from benchmarks.punctuality import PunctualityLog
from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe, Plan, Target, TlsOptions
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.samples import Outcome, Sample
from pollwatch.plan.states import Verdict
from pollwatch.probes.network import system_network
from pollwatch.series.store import SeriesStore
from pollwatch.worker.feed import Feed
from pollwatch.worker.health import LoopMonitor
from pollwatch.worker.process import prepare_process
from pollwatch.worker.serve import HttpServer
from pollwatch.worker.worker import Worker

TICK = 0.001
"""The ticker that looks for holds sleeps this long, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to run."""

    url: str
    listen: str
    ca_file: str
    checks: int
    period: float
    max_in_flight: int
    warmup: float
    seconds: float
    ticker: bool = False
    """Whether to look for holds of the loop; that costs CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came of it."""

    probes: int
    failures: int
    cpu_seconds: float
    resident_bytes: int
    missed: int
    lateness_p50: float
    lateness_p99: float
    lateness_max: float
    longest_hold: float
    """Seconds for which the ticker was not called, beyond its sleep."""


class Tally:
    """Counts samples as they come."""

    def __init__(self) -> None:
        self.probes = 0
        self.failures = 0

    def observe(self, target: Target, sample: Sample, verdict: Verdict) -> None:
        """Count one; see `SampleListener`."""
        del target, verdict
        self.probes += 1
        self.failures += sample.outcome is not Outcome.SUCCESS


class Ticker:
    """Finds the longest time during which the loop ran something else."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def run(self) -> None:
        """Tick until cancelled."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            self.longest = max(self.longest, now - before - TICK)
            before = now


def make_plan(order: Order) -> Plan:
    """As many Checks of one URL as were ordered, each with a query of its own."""
    ca_pem = Path(order.ca_file).read_text(encoding="ascii") if order.url.startswith("https") else None
    return Plan(
        checks=tuple(
            CheckPlan(
                key=CheckKey("public-sites", f"immigration-front-page-{number}"),
                uid=str(number),
                generation=1,
                period=order.period,
                timeout=5.0,
                target=order.url,
                labels=(("team", "web"),),
                probe=HttpProbe(url=f"{order.url}?{number}", tls=TlsOptions(ca_pem=ca_pem)),
            )
            for number in range(order.checks)
        )
    )


def cpu_now() -> float:
    """User and system CPU of this process so far, seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def obey(order: Order) -> Figures:
    """Run the worker, and measure it after its warm-up."""
    prepare_process()
    clock = SystemClock()
    log, tally, ticker, series = PunctualityLog(clock), Tally(), Ticker(), SeriesStore()
    network = system_network()
    worker = Worker(
        network=network,
        series=series,
        metrics=log,
        feed=Feed(clock=clock),
        listener=tally.observe,
        max_in_flight=order.max_in_flight,
    )
    loop_monitor = LoopMonitor(clock)
    server = HttpServer(
        order.listen, metrics=[series, log], health=loop_monitor.health, ready=loop_monitor.health
    )
    await server.start()
    worker.apply(make_plan(order))
    running = [asyncio.ensure_future(worker.run()), asyncio.ensure_future(loop_monitor.run())]
    if order.ticker:
        running.append(asyncio.ensure_future(ticker.run()))
    await asyncio.sleep(order.warmup)
    log.reset()
    ticker.longest = 0.0
    probes, failures, cpu = tally.probes, tally.failures, cpu_now()
    await asyncio.sleep(order.seconds)
    cpu = cpu_now() - cpu
    *_, p99 = statistics.quantiles(log.lateness, n=100)
    figures = Figures(
        probes=tally.probes - probes,
        failures=tally.failures - failures,
        cpu_seconds=cpu,
        resident_bytes=resident_bytes("self"),
        missed=log.slots_missed,
        lateness_p50=statistics.median(log.lateness),
        lateness_p99=p99,
        lateness_max=max(log.lateness),
        longest_hold=ticker.longest,
    )
    for task in running[1:]:
        task.cancel()
    await worker.drain(1.0)
    await asyncio.wait(running)
    await server.stop()
    await network.aclose()
    return figures


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(obey(Order(**json.load(sys.stdin)))))))
