"""What series cost: rendering a sample, joining a page, and how long that holds the event loop.

Run it with `python -m benchmarks.series [CHECKS]` (10,000 by default). The figures are medians of a few
rounds in one process; the longest slice is the longest of all.
"""

import asyncio
import resource
import statistics
import sys
import time
import zlib
from asyncio.subprocess import PIPE
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import httpx
import uvloop

from benchmarks.results import table
from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe, Target
from pollwatch.plan.samples import HttpFacts, Outcome, Phases, Reason, Sample, TlsFacts
from pollwatch.series.exposition import Exposition
from pollwatch.series.store import SeriesStore, TargetSeries
from pollwatch.worker.health import Health
from pollwatch.worker.process import prepare_process
from pollwatch.worker.scrape import GZIP_LEVEL
from pollwatch.worker.serve import HttpServer

ROUNDS = 5
TICK = 0.001


def check(number: int) -> CheckPlan:
    """Make an ordinary HTTPS Check."""
    return CheckPlan(
        key=CheckKey("public-sites", f"immigration-front-page-{number}"),
        uid=str(number),
        generation=1,
        period=10.0,
        timeout=5.0,
        target=f"https://www{number}.example.org/",
        probe=HttpProbe(url=f"https://www{number}.example.org/"),
        labels=(("team", "web"),),
    )


def samples(count: int) -> list[Sample]:
    """Make samples as a site gives them: each takes another time, one in fifty fails."""
    tls = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", 1_798_761_600.0)
    made: list[Sample] = []
    for number in range(count):
        wobble = (number * 7919 % 1000) / 1e5 + 1e-7 * number
        failed = number % 50 == 0
        made.append(
            Sample(
                started=1_795_000_000.0 + number,
                duration=0.03 + wobble,
                outcome=Outcome.FAILURE if failed else Outcome.SUCCESS,
                reason=Reason.UNEXPECTED_STATUS if failed else None,
                phases=Phases(
                    0.0011 + wobble / 9, 0.0023 + wobble / 7, 0.011 + wobble / 3, 0.012 + wobble / 2, 0.0004
                ),
                address="192.0.2.17",
                resolved=("192.0.2.17",),
                tls=tls,
                http=HttpFacts(
                    status=500 if failed else 200,
                    version="1.1",
                    content_length=2048,
                    body_bytes=2048,
                    redirects=0,
                    tls=True,
                ),
            )
        )
    return made


def resident_megabytes() -> float:
    """Read how much memory the process has now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def fill(store: SeriesStore, checks: int) -> list[TargetSeries]:
    """Open so many Checks."""
    opened: list[TargetSeries] = []
    for number in range(checks):
        plan = check(number)
        store.open_check(plan)
        opened.append(store.open_target(Target(plan)))
    return opened


def observe_all(opened: Iterable[TargetSeries], taken: list[Sample]) -> None:
    """Give each target a sample."""
    for number, series in enumerate(opened):
        series.observe(taken[number % len(taken)])


def timed(work: Callable[[], object]) -> float:
    """Take the median seconds of CPU that some work takes."""
    took: list[float] = []
    for _ in range(ROUNDS):
        before = time.process_time()
        work()
        took.append(time.process_time() - before)
    return statistics.median(took)


def join_page(store: SeriesStore, exposition: Exposition) -> int:
    """Make all slices of a page, and give its size."""
    return sum(map(len, store.render(exposition)))


def longest_step(page: Iterator[bytes]) -> float:
    """Give the longest time that one slice took to make, seconds of CPU."""
    longest = 0.0
    while True:
        before = time.thread_time()
        part = next(page, None)
        longest = max(longest, time.thread_time() - before)
        if part is None:
            return longest


def compress(page: Iterable[bytes]) -> int:
    """Compress a page as the server does, and give its size."""
    gzip = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return sum(len(gzip.compress(part)) for part in page) + len(gzip.flush())


async def scrape_hold(store: SeriesStore, *, gzip: bool) -> tuple[float, float]:
    """Scrape over HTTP beside a coroutine that wants to run each millisecond.

    The client is a process of its own: reading the page must not count as holding the loop. What else
    the machine does must not count either, so the time between two ticks is the CPU time of the loop's
    thread.

    Returns:
        The longest time between two ticks, and how long the scrape took, seconds.
    """

    def fine() -> Health:
        return Health(ok=True)

    server = HttpServer("127.0.0.1:0", metrics=[store], health=fine, ready=fine)
    await server.start()
    held: list[float] = []

    async def tick() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(TICK)
            held.append(time.thread_time() - before)

    coding = "gzip" if gzip else "identity"
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.series", "--scrape", f"{server.url}/metrics", coding, stdout=PIPE
    )
    ticking = asyncio.create_task(tick())
    output, _ = await client.communicate()
    ticking.cancel()
    await server.stop()
    return max(held), float(output)


def scrape(url: str, coding: str) -> None:
    """Read a page, throw it away, and print the seconds it took."""
    before = time.perf_counter()
    with httpx.stream("GET", url, headers={"Accept-Encoding": coding}, timeout=60.0) as response:
        response.raise_for_status()
        for _ in response.iter_raw():
            pass
    print(time.perf_counter() - before)


def report(checks: int = 10_000) -> str:
    """Measure, and give the table as Markdown."""
    prepare_process()
    store = SeriesStore()
    empty = resident_megabytes()
    opened = fill(store, checks)
    taken = samples(1000)
    observe_all(opened, taken)
    full = resident_megabytes()
    taken = taken[7:]
    observe = timed(lambda: observe_all(opened, taken)) / checks
    page = b"".join(store.render(Exposition.TEXT))
    lines = page.count(b"\n") - page.count(b"\n#") - 1
    rows = [
        ("Checks, series, page", f"{checks}, {lines}, {len(page) / 1e6:.1f} MB"),
        ("memory a Check", f"{(full - empty) * 1e3 / checks:.1f} kB"),
        ("a sample, rendered", f"{observe * 1e6:.1f} us"),
    ]
    for name, exposition in (("text", Exposition.TEXT), ("OpenMetrics", Exposition.OPENMETRICS)):
        joined = timed(partial(join_page, store, exposition))
        rows.append((f"a page, {name}", f"{joined * 1e3:.1f} ms CPU"))
    compressed = timed(lambda: compress(store.render(Exposition.TEXT)))
    size = compress(store.render(Exposition.TEXT))
    rows.append((f"a page, gzip {GZIP_LEVEL} ({size / 1e6:.2f} MB)", f"{compressed * 1e3:.1f} ms CPU"))
    slowest = max(longest_step(store.render(Exposition.TEXT)) for _ in range(ROUNDS))
    rows.append(("longest slice", f"{slowest * 1e3:.2f} ms CPU"))
    for gzip in (False, True):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            held, took = runner.run(scrape_hold(store, gzip=gzip))
        name = f"a scrape over HTTP, {'gzip' if gzip else 'identity'}"
        rows.append((name, f"{took * 1e3:.0f} ms; held the loop for {held * 1e3:.2f} ms CPU at most"))
    return table(("figure", "value"), rows)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--scrape", url, coding]:
            scrape(url, coding)
        case [number]:
            print(report(int(number)))
        case _:
            print(report())
