"""Run the comparisons of `docs/benchmarks.md`: `make bench`.

python -m benchmarks [--write] [--quick] [--only NAME]
"""

import argparse
import datetime as dt
import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks import many_checks, operator_scale, probe_cost, series

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One section of the page."""

    title: str
    text: str
    run: Callable[[], str]
    """Measures as the page has it; returns a Markdown table."""
    quick: Callable[[], str]
    """The same, shorter: to try a change."""


COMPARISONS: Mapping[str, Comparison] = MappingProxyType(
    {
        "probe-cost": Comparison(
            title="CPU a probe, beside blackbox_exporter",
            text="""\
The whole worker (schedule, probe, verdict, series, `/metrics`) beside blackbox_exporter 0.28.0,
built from its Go module. Both probe the same small server, on fresh connections, 50 at a time, as
fast as they can; over TLS with a full handshake and verification (ECDSA P-256). Five turns each,
one after the other; CPU is user and system time of the prober's process. Figures are medians with
their range; the ratio is the median of the ratios of each turn.""",
            run=probe_cost.report,
            quick=lambda: probe_cost.report(repetitions=1),
        ),
        "many-checks": Comparison(
            title="10,000 Checks in one process, scraped",
            text="""\
10,000 HTTP Checks every 10 s, 1,000 probes a second, on one core; the site that answers has the
other. With and without a scrape every 15 s (compressed, on a kept connection). Lateness is from a
probe's slot to its start. The longest hold is what a ticker in the same loop missed: it includes
the starting of probes, garbage collection, and what the machine took away.""",
            run=many_checks.report,
            quick=lambda: many_checks.report(repetitions=1),
        ),
        "scrape": Comparison(
            title="What a scrape holds",
            text="""\
10,000 HTTPS Checks with all their series, and nothing else in the process. Holds are in CPU time,
so that what the machine took away does not count; the goal is 5 ms.""",
            run=series.report,
            quick=series.report,
        ),
        "operator": Comparison(
            title="10,000 Checks in a real API server",
            text="""\
etcd, kube-apiserver, the operator under its own service account, the site and this program share
two cores. Checks are created 16 at a time; then nothing is changed for five minutes.""",
            run=lambda: operator_scale.measure(10_000, idle=300.0, period=30),
            quick=lambda: operator_scale.measure(1_000, idle=30.0, period=30),
        ),
    }
)

ENDING = """
## Where the time of an HTTP probe goes

HTTP misses its goal of 0.15x by a few hundredths; the goal was set from a prototype without rendered
series. `python -m benchmarks.engine` and `.series` measure the parts alone, on the same machine:

| part | us, about |
| --- | --- |
| socket, connect, write, read, close in the kernel; uvloop and httptools, and nothing else | 60 |
| the rest of the engine: deadline, phases, limits, expectations, the sample | 35 |
| schedule and verdict: timetable, task, bookkeeping | 15 |
| series: some 30 lines, rendered | 10 |
| the same over 1,000 Checks rather than one: what is not in the processor's caches | 20 |

Nearly all of the first line is the kernel's. What is left in the others is spread over a hundred small
calls; the profile has no peak to cut.
"""


HEADING = """\
# Benchmarks

Written by `make bench WRITE=1` from a real run; `make bench` measures anew and prints. Machines are
shared and noisy: compare what stands in one table, and ratios rather than times.

This run: {date}, {machine}, Python {python}, OpenSSL as in the standard library.
"""


def machine() -> str:
    """Say what this ran on, in a few words."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    return f"{os.cpu_count()} cores ({model}), Linux {platform.release()}"


def main(arguments: list[str]) -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--quick", action="store_true", help="shorter runs, to try a change")
    parser.add_argument("--only", choices=COMPARISONS, help="one comparison")
    chosen = parser.parse_args(arguments)
    if chosen.write and (chosen.quick or chosen.only):
        parser.error("--write writes the whole page, from full runs: leave out --quick and --only")
    page = HEADING.format(
        date=dt.datetime.now(tz=dt.UTC).date(),
        machine=machine(),
        python=platform.python_version(),
    )
    for name, comparison in COMPARISONS.items():
        if chosen.only in (None, name):
            print(f"{comparison.title} ...", flush=True)
            found = comparison.quick() if chosen.quick else comparison.run()
            print(f"\n{found}\n", flush=True)
            page += f"\n## {comparison.title}\n\n{comparison.text}\n\n{found}\n"
    if chosen.write:
        PAGE.write_text(page + ENDING, encoding="utf-8")
        print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
