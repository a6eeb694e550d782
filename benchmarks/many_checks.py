"""10,000 HTTP checks, each every 10 s, in one process that is scraped every 15 s.

How late probes start, and for how long a scrape holds the event loop: the same worker is measured with
and without scrapes, in turns. Run alone: `python -m benchmarks.many_checks`.
"""

import gzip
import statistics
import threading
import time
from typing import Self

import httpx

from benchmarks.results import table
from benchmarks.subject import Figures, Order
from benchmarks.workers import Site, figures, serving, working
from tests.support.ports import free_port

CHECKS = 10_000
PERIOD = 10.0
SCRAPE_EVERY = 15.0
WARMUP = 25.0
SECONDS = 45.0
REPETITIONS = 2


class Scraper:
    """Scrapes as Prometheus does: on time, compressed, one connection kept."""

    def __init__(self, listen: str) -> None:
        self._url = f"http://{listen}/metrics"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seconds: list[float] = []
        self.page_bytes = 0
        self.sent_bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        with httpx.Client(trust_env=False, timeout=30.0) as client:
            while not self._ended.wait(SCRAPE_EVERY):
                before = time.monotonic()
                with client.stream("GET", self._url, headers={"Accept-Encoding": "gzip"}) as response:
                    sent = b"".join(response.iter_raw())
                self.seconds.append(time.monotonic() - before)
                self.sent_bytes = len(sent)
                self.page_bytes = len(gzip.decompress(sent))


def run(site: Site, *, scraped: bool) -> tuple[Figures, Scraper]:
    """One worker, for its warm-up and the time measured."""
    order = Order(
        url=site.http,
        listen=f"127.0.0.1:{free_port()}",
        ca_file=str(site.ca_file),
        checks=CHECKS,
        period=PERIOD,
        max_in_flight=2_000,
        warmup=WARMUP,
        seconds=SECONDS,
        ticker=True,
    )
    scraper = Scraper(order.listen)
    with working(order) as worker:
        if not scraped:
            return figures(worker), scraper
        with scraper:
            return figures(worker), scraper


def report(repetitions: int = REPETITIONS) -> str:
    """Measure, and give the table as Markdown."""
    rows = []
    with serving() as site:
        for number in range(repetitions):
            for scraped in (False, True):
                found, scraper = run(site, scraped=scraped)
                page = (
                    f"{statistics.median(scraper.seconds) * 1e3:.0f} ms,"
                    f" {scraper.page_bytes / 2**20:.0f} MiB as {scraper.sent_bytes / 2**20:.1f}"
                    if scraped
                    else "-"
                )
                row = (
                    f"every {SCRAPE_EVERY:.0f} s" if scraped else "never",
                    str(found.probes),
                    str(found.missed),
                    " / ".join(
                        f"{late * 1e3:.1f}"
                        for late in (found.lateness_p50, found.lateness_p99, found.lateness_max)
                    ),
                    f"{found.longest_hold * 1e3:.1f}",
                    page,
                    f"{found.cpu_seconds / SECONDS * 100:.0f} %",
                    f"{found.resident_bytes / 2**20:.0f}",
                )
                print(f"  {number + 1}/{repetitions}: " + " | ".join(row), flush=True)
                rows.append(row)
    head = (
        "scraped",
        "probes",
        "missed",
        "start lateness p50 / p99 / max, ms",
        "longest hold of the loop, ms",
        "scrape (page, gzip)",
        "of a core",
        "resident, MiB",
    )
    return table(head, rows)


if __name__ == "__main__":
    print(report())
