"""A million Checks, simulated with the code that compiles, shares out, encodes, decodes and renders them.

    python -m benchmarks.million [CHECKS ...]

There is no cluster and no network: see `benchmarks.simulation`. What the API server, etcd and Prometheus make
of it is reckoned from what would be sent to them.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.results import table
from benchmarks.simulation import SMALL_SHARD, Layout, OperatorFigures, WorkerFigures
from pollwatch.control.cluster import PAGE
from pollwatch.control.writer import RATE

SIZES = (10_000, 100_000, 1_000_000)
SCRAPE_INTERVAL = 30.0
LAYOUT_TITLES = {
    "by load": "workers as the load asks for, 60 % of a core each",
    "small": f"workers of about {SMALL_SHARD:,} Checks each",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found of one number of Checks."""

    operator: OperatorFigures
    worker: WorkerFigures

    @property
    def series(self) -> float:
        """Of all Checks, as the one worker has them."""
        return self.worker.series / self.worker.checks * self.operator.checks


def simulate(checks: int) -> Found:
    """Run both halves, one after the other, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        operator = _run("--operator", str(checks), folder)
        layouts = {name: Layout(**layout) for name, layout in operator.pop("layouts").items()}
        worker = _run("--worker", folder)
    return Found(operator=OperatorFigures(**operator, layouts=layouts), worker=WorkerFigures(**worker))


def _run(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.simulation", *arguments]
    found: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return found


def _mb(length: float) -> str:
    return f"{length / 1e6:,.1f} MB" if length < 1e9 else f"{length / 1e9:,.2f} GB"


def _duration(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds < 120 else f"{seconds / 60:,.1f} min"


def _of_operator(found: Found) -> list[tuple[str, str]]:
    operator = found.operator
    held = operator.resident_bytes
    return [
        ("JSON of the Checks, with status", _mb(operator.json_bytes)),
        (f"requests to list them, {PAGE} a page", f"{-(-operator.checks // PAGE):,}"),
        ("to read them, CPU", _duration(operator.observe_seconds)),
        ("to compile them, CPU", _duration(operator.compile_seconds)),
        ("the operator's memory", f"{_mb(held)} ({held / operator.checks / 1e3:.1f} kB a Check)"),
        (f"first status of each, {RATE:.0f} writes/s", _duration(operator.checks / RATE)),
        ("cores that probing takes", f"{operator.cores:.1f}"),
        ("series", f"{found.series / 1e6:,.1f} million"),
        (f"samples/s, scraped each {SCRAPE_INTERVAL:.0f} s", f"{found.series / SCRAPE_INTERVAL:,.0f}"),
    ]


def _of_layout(layout: Layout) -> list[tuple[str, str]]:
    return [
        ("pools", f"{layout.pools}"),
        ("workers, each a shard", f"{layout.workers}"),
        (
            "Checks of the largest, and on average",
            f"{layout.most_checks:,}, {layout.checks / layout.workers:,.0f}",
        ),
        ("plan Secrets", f"{layout.secrets}"),
        ("plans, packed", _mb(layout.plan_bytes)),
        ("the longest", f"{layout.longest_plan / 1e3:,.0f} kB"),
        ("to encode all, CPU", _duration(layout.encode_seconds)),
        ("one changed Check: operator's CPU", f"{layout.change_seconds * 1e3:.1f} ms"),
        ("one changed Check: sent to the API server", f"{layout.change_bytes / 1e3:,.0f} kB"),
        (
            "one worker more in a pool: Checks moved",
            f"{layout.moved / layout.pool_checks:.1%} in {layout.resize_seconds:.2f} s CPU",
        ),
    ]


def _of_worker(worker: WorkerFigures) -> list[tuple[str, str]]:
    return [
        ("Checks", f"{worker.checks:,}"),
        ("of one core, for probes", f"{worker.cores:.0%}"),
        ("memory", _mb(worker.resident_bytes)),
        ("series, in a page of", f"{worker.series:,}, {_mb(worker.page_bytes)}"),
        ("to decode its first plan, CPU", _duration(worker.decode_seconds)),
        (
            "to decode one changed Check, CPU",
            f"{worker.change_seconds * 1e3:.1f} ms, {worker.change_hold * 1e3:.1f} ms at a stretch",
        ),
    ]


def _section(title: str, columns: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Write a table of one column for each list of rows, which have the same names."""
    lines = [(name, *(column[number][1] for column in rows)) for number, (name, _) in enumerate(rows[0])]
    return table((title, *columns), lines)


def report(sizes: Sequence[int] = SIZES) -> str:
    """Measure, and give the tables as Markdown."""
    found = []
    for checks in sizes:
        found.append(simulate(checks))
        print(f"  {checks:,}: {json.dumps(_of_operator(found[-1]))}", flush=True)
    columns = [f"{checks:,} Checks" for checks in sizes]
    return "\n\n".join(
        [
            _section("all together", columns, [_of_operator(one) for one in found]),
            *(
                _section(title, columns, [_of_layout(one.operator.layouts[name]) for one in found])
                for name, title in LAYOUT_TITLES.items()
            ),
            _section("a worker, sized by load", columns, [_of_worker(one.worker) for one in found]),
        ]
    )


if __name__ == "__main__":
    print(report([int(size.replace(",", "")) for size in sys.argv[1:]] or SIZES))
