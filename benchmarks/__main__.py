"""Run the comparisons of `docs/benchmarks.md`: `make bench`.

python -m benchmarks [--write] [--quick] [--only NAME]
"""

import argparse
import datetime as dt
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks import engine, many_checks, million, operator_scale, pools, probe_cost, series

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
        "parts": Comparison(
            title="What a probe is made of",
            text="""\
The engine alone, in one process, one target, 50 at a time: no schedule, verdict or series. The first
row is a request and its answer on uvloop and httptools, and nothing else: the floor under an HTTP
probe. What the whole worker costs beyond the engine is schedule, verdict, series, and work over
1,000 Checks instead of one.""",
            run=engine.report,
            quick=lambda: engine.report(repetitions=1),
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
        "pools": Comparison(
            title="10,000 Checks in a pool of four workers",
            text="""\
etcd, kube-apiserver, the operator under its own service account, four workers as processes, the
site and this program share two cores; what plays the kubelet brings a changed Secret to its volume
a minute later, so plans arrive by push. Checks are created 16 at a time; then one at a time is
changed; then nothing is for five minutes; then a worker is killed, and at last two leaders.

A change costs the operator more CPU than its goal. By a profile, a fifth of it pushes the shard's whole
plan (sealed, 160 kB) over HTTP; a fifth reads what the cluster's watch and the worker's feed tell of it; an
eighth writes the plan's Secret, a tenth the status of the Check and of the pool; encoding the plan is a
twentieth. The rest is compiling, and event loops that wake up. Without changes, most of the time goes to the
Lease, renewed each second, and to the one re-list.""",
            run=lambda: pools.measure(pools.Size()),
            quick=lambda: pools.measure(pools.Size(checks=1_000, period=10, changes=20, idle=20.0)),
        ),
        "million": Comparison(
            title="A million Checks, simulated",
            text="""\
The code that reads Checks, compiles them, shares them out, encodes, decodes and renders, over all of them
and with everything in memory that the operator keeps; no cluster, no network, no probes. Of ten Checks, eight
are HTTPS, one is HTTP and one TCP, each by name, four to a host; a third each minute, the others each 30 s.
A pool has at most 64 workers, so a million Checks are in seven. The last table is the worker with the longest
plan.

What bends, in this order, and what to do then:

- **Prometheus** first: compare the series with what yours holds. Shard the scrapes by worker, as each is a
  target of its own, or drop what nobody looks at: the buckets of the histogram, phases.
- **etcd** holds 2 GiB unless it is told otherwise, and 8 GiB by its authors' advice; each write of a Check
  stays until the next compaction. Beyond that: several clusters. A Check need not be in the cluster of
  what it probes.
- **The first status of each Check** is one write, and writes are held back for the API server's sake. Probing
  does not wait for them, and an operator that starts again writes none.
- **One changed Check** makes the Secret of its worker be written again: where Checks change all the time,
  many small workers send less than few large ones. Eight Secrets are the most that a plan may take; what does
  not fit is the condition `Accepted=False`, reason `PlanTooLarge`, of its pool.
- **The operator** is one process that reads and compiles everything when it starts: a follower that is warm
  takes over at once, but the first start takes as long as the first table says.""",
            run=million.report,
            quick=lambda: million.report([1_000, 10_000]),
        ),
    }
)

HEADING = """\
# Benchmarks

Written by `make bench WRITE=1`; `make bench` measures anew and prints. Each section says when it was
measured, and at which commit. Machines are shared and noisy: compare what stands in one table, and
ratios rather than times.
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


def commit() -> str:
    """Name the tree that is measured."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=PAGE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return described.stdout.strip()


def section(comparison: Comparison, found: str, tree: str) -> str:
    """Write one section of the page."""
    stamp = (
        f"Measured on {dt.datetime.now(tz=dt.UTC).date()} at commit {tree}: {machine()},"
        f" Python {platform.python_version()}."
    )
    return f"## {comparison.title}\n\n{comparison.text}\n\n{stamp}\n\n{found}\n"


def written_before() -> dict[str, str]:
    """Read the sections that the page has, by title."""
    if not PAGE.exists():
        return {}
    _, *sections = PAGE.read_text(encoding="utf-8").split("\n## ")
    return {text.partition("\n")[0]: f"## {text.strip()}\n" for text in sections}


def write(sections: Mapping[str, str]) -> None:
    """Write the page: these sections, and those of before for what was not measured."""
    all_sections = {**written_before(), **sections}
    titles = [comparison.title for comparison in COMPARISONS.values()]
    parts = [HEADING, *(all_sections[title] for title in titles if title in all_sections)]
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(f"wrote {PAGE}")


def main(arguments: list[str]) -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write what is measured to docs/benchmarks.md")
    parser.add_argument("--quick", action="store_true", help="shorter runs, to try a change")
    parser.add_argument("--only", choices=COMPARISONS, help="one comparison")
    chosen = parser.parse_args(arguments)
    if chosen.write and chosen.quick:
        parser.error("--write takes full runs: leave out --quick")
    tree = commit()  # Asked before the page is written, which changes it.
    for name, comparison in COMPARISONS.items():
        if chosen.only in (None, name):
            print(f"{comparison.title} ...", flush=True)
            found = comparison.quick() if chosen.quick else comparison.run()
            print(f"\n{found}\n", flush=True)
            if chosen.write:
                write({comparison.title: section(comparison, found, tree)})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
