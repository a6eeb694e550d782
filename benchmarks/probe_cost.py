"""CPU per probe: the whole worker beside blackbox_exporter, both saturated, in turns.

The worker schedules, probes, judges and renders series; blackbox_exporter is asked for `/probe` on 50
kept-alive connections. Each probe is a fresh connection, and over TLS a full handshake with
verification; 50 are under way at a time. Run alone: `python -m benchmarks.probe_cost`.
"""

import os
import statistics
import sys
from pathlib import Path

from benchmarks import blackbox
from benchmarks.results import ProbeCost, spread, table
from benchmarks.subject import Order
from benchmarks.workers import Site, figures, serving, working
from tests.cluster.progress import Progress
from tests.cluster.tools import Toolbox
from tests.support.ports import free_port

CONNECTIONS = 50
REPETITIONS = 5
WARMUP = 2.0
SECONDS = 5.0
GOALS = {"HTTP": 0.15, "HTTPS": 0.70}
PERIODS = {"HTTP": 0.1, "HTTPS": 0.5}
"""Of 1,000 Checks: about half as many again as one core can probe."""


def worker_cost(site: Site, url: str, *, period: float) -> ProbeCost:
    """Saturate one worker."""
    order = Order(
        url=url,
        listen=f"127.0.0.1:{free_port()}",
        ca_file=str(site.ca_file),
        checks=1_000,
        period=period,
        max_in_flight=CONNECTIONS,
        warmup=WARMUP,
        seconds=SECONDS,
    )
    with working(order) as worker:
        found = figures(worker)
    return ProbeCost(
        engine="pollwatch",
        probes=found.probes,
        cpu_seconds=found.cpu_seconds,
        resident_bytes=found.resident_bytes,
    )


def compare(binary: Path, site: Site, scheme: str, *, repetitions: int) -> list[tuple[ProbeCost, ProbeCost]]:
    """Measure both in turns; a pair a repetition."""
    url = site.http if scheme == "HTTP" else site.https
    pairs = []
    for number in range(repetitions):
        ours = worker_cost(site, url, period=PERIODS[scheme])
        theirs = blackbox.measure(
            binary, url, ca_file=site.ca_file, connections=CONNECTIONS, warmup=WARMUP, seconds=SECONDS
        )
        print(
            f"  {scheme} {number + 1}/{repetitions}: {ours.microseconds:.0f} us, blackbox_exporter"
            f" {theirs.microseconds:.0f} us: {ours.microseconds / theirs.microseconds:.2f}x",
            flush=True,
        )
        pairs.append((ours, theirs))
    return pairs


def report(repetitions: int = REPETITIONS) -> str:
    """Measure, and give the table as Markdown."""
    binary = Toolbox(os.environ, Progress(sys.stderr)).path("blackbox_exporter")
    rows = []
    with serving() as site:
        for scheme, goal in GOALS.items():
            pairs = compare(binary, site, scheme, repetitions=repetitions)
            ratio = statistics.median(ours.microseconds / theirs.microseconds for ours, theirs in pairs)
            for name, costs in zip(
                ("pollwatch", "blackbox_exporter 0.28.0"), zip(*pairs, strict=True), strict=True
            ):
                rows.append(
                    (
                        scheme,
                        name,
                        spread([cost.microseconds for cost in costs]),
                        f"**{ratio:.2f}x** (goal {goal:.2f}x)" if name == "pollwatch" else "1",
                        spread([cost.probes / SECONDS for cost in costs]),
                        spread([cost.resident_bytes / 2**20 for cost in costs]),
                    )
                )
    head = ("protocol", "prober", "CPU a probe, us", "ratio", "probes/s", "resident, MiB")
    return table(head, rows)


if __name__ == "__main__":
    print(report())
