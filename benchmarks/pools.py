"""10,000 Checks in a pool of four workers: how soon, how fast, at what cost.

    python -m benchmarks.pools [--checks 10000] [--workers 4] [--changes 200] [--idle 120] [--period 30]

etcd, kube-apiserver, the operator under its own service account, the workers as processes, the
site that is probed and this program share the machine. `tests/cluster/processes` says what plays
the kubelet; a changed Secret reaches its volume a minute later, so that what is fast is the push.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

from benchmarks.operator_scale import NAMESPACE, PATIENCE, Operator, control_plane, create, listed
from benchmarks.processes import cpu_seconds, resident_bytes
from benchmarks.results import table
from tests.cluster.apiclient import documents_in
from tests.cluster.controlplane import ControlPlane
from tests.cluster.process import Program
from tests.cluster.processes.local_node import LocalNode
from tests.cluster.processes.local_pod import LocalPod
from tests.cluster.waiting import wait_until
from tests.control.operators import POLLWATCH, POOLED
from tests.control.pool_stage import SYSTEM_NAMESPACE, WORKER_IMAGE, Pools, worker_image
from tests.support.counting_site import HOSTS, CountingSite, counting_site
from tests.support.ports import free_port
from tests.support.punctuality import distance, phase

POOL = "bench"
KUBELET_SYNC = 60.0
"""Seconds until a volume follows its Secret: what a kubelet may take."""
SITES = tuple(f"site-{number}.public.example" for number in range(500))
"""Names of the server: workers are gentle with each host that is new to them."""
RBAC = Path(__file__).parents[1] / "manifests" / "rbac" / "pools"
PAUSE = 0.4
"""Seconds between two changes: each is on its own."""
IN_PHASE = 0.1
"""Periods by which a probe may be off and be in its phase still."""

_SERIES = re.compile(rb'^probe_success\{[^}]*\bcheck="([^"]+)"', re.MULTILINE)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured."""

    checks: int = 10_000
    workers: int = 4
    period: int = 30
    """Of each Check, seconds."""
    changes: int = 200
    idle: float = 300.0
    """Seconds in which nothing changes: from one re-list to the next, so that one is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything that runs."""

    plane: ControlPlane
    pools: Pools
    node: LocalNode
    site: CountingSite
    folder: Path
    kubeconfig: Path

    @contextmanager
    def operator(self, name: str) -> Iterator[Operator]:
        """One more operator, for the time of the block."""
        port = free_port()
        program = Program(
            name,
            [
                POLLWATCH,
                "operator",
                *POOLED,
                f"--listen=127.0.0.1:{port}",
                f"--kubeconfig={self.kubeconfig}",
            ],
            log=self.folder / f"{name}.log",
        )
        try:
            running = Operator(program=program, url=f"http://127.0.0.1:{port}")
            running.wait_ready()
            yield running
        finally:
            program.stop(grace_seconds=30)

    def url(self, number: int, turn: str = "") -> str:
        """What a Check is of; another one each turn."""
        return self.site.url(f"/{name_of(number)}{turn}", host=SITES[number % len(SITES)])

    def check(self, number: int, period: int) -> dict[str, Any]:
        """A Check of a usual size."""
        return {
            "apiVersion": "pollwatch.dev/v1alpha1",
            "kind": "Check",
            "metadata": {"name": name_of(number), "namespace": NAMESPACE},
            "spec": {
                "pool": POOL,
                "periodSeconds": period,
                "timeoutSeconds": min(10, period),
                "labels": {"team": f"team-{number % 50}"},
                "http": {
                    "url": self.url(number),
                    "headers": [{"name": "Accept-Language", "value": "en"}],
                    "expect": {"statuses": ["2xx"], "body": [{"contains": "Welcome"}]},
                },
            },
        }


def name_of(number: int) -> str:
    """Name of a Check."""
    return f"check-{number:05d}"


@contextmanager
def bench() -> Iterator[Bench]:
    """Everything but the operator."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with control_plane(folder) as plane, counting_site(folder) as site:
            plane.admin.apply(documents_in(RBAC))
            image = worker_image(folder / "image", dict.fromkeys(SITES, HOSTS[:1]))
            with LocalNode(
                plane, namespace=SYSTEM_NAMESPACE, folder=folder / "node", images={WORKER_IMAGE: image}
            ) as node:
                node.sync_volumes_after(KUBELET_SYNC)
                kubeconfig = plane.kubeconfig(plane.service_account_token(SYSTEM_NAMESPACE, "pollwatch"))
                yield Bench(
                    plane=plane,
                    pools=Pools(plane),
                    node=node,
                    site=site,
                    folder=folder,
                    kubeconfig=kubeconfig,
                )


def wait(outcome: Callable[[], T], what: str, *, every_seconds: float = 0.5) -> T:
    """Wait, and say for what."""
    print(f"waiting for {what}", file=sys.stderr)
    return wait_until(outcome, what=what, within_seconds=PATIENCE, every_seconds=every_seconds)


def measure(size: Size) -> str:
    """Run it all; the table."""
    with bench() as running, running.operator("operator-0") as operator:
        rows = [["Checks, workers", f"{size.checks}, each {size.period} s; {size.workers}"]]
        rows += first_probes(running, operator, size)
        rows += changes(running, operator, size)
        rows += idle(running, operator, size)
        rows += killed_worker(running, size)
        rows += succession(running, operator)
    return table(["figure", "value"], rows)


def first_probes(running: Bench, operator: Operator, size: Size) -> list[list[str]]:
    """From the last create to the first sample of the last target."""
    running.pools.create(POOL, replicas=size.workers, maxProbesPerSecondPerHost=10_000)
    running.pools.wait_ready(POOL)
    before = cpu_seconds(operator.program.pid)
    checks = [running.check(number, size.period) for number in range(size.checks)]
    creating = asyncio.run(create(running.plane, checks))
    created = time.monotonic()
    wait(lambda: running.site.seen() >= size.checks, f"{size.checks} targets to be probed", every_seconds=1.0)
    probed = max(running.site.firsts().values()) - created
    wait(
        lambda: all(one.get("status", {}).get("verdict") == "Up" for one in listed(running.plane)),
        f"{size.checks} Checks to be Up",
        every_seconds=5.0,
    )
    return [
        ["created at", f"{size.checks / creating:.0f}/s"],
        ["last create to the first sample of the last target (goal 60 s)", f"{probed:.1f} s"],
        ["operator's CPU until all were Up", f"{cpu_seconds(operator.program.pid) - before:.1f} s"],
    ]


def changes(running: Bench, operator: Operator, size: Size) -> list[list[str]]:
    """One Check changed at a time, until its worker has the new plan."""
    wait(lambda: settled(running, size), "every worker to have its plan", every_seconds=2.0)
    pid = operator.program.pid
    resting = cpu_rate(pid, 10.0)
    latencies, cpu, begin = [], cpu_seconds(pid), time.monotonic()
    for turn in range(size.changes):
        number = turn * 7919 % size.checks
        latencies.append(change(running, number, running.url(number, f"?{turn}")))
        time.sleep(PAUSE)
    used = cpu_seconds(pid) - cpu - resting * (time.monotonic() - begin)
    p99 = statistics.quantiles(latencies, n=100)[98]
    return [
        [
            f"a Check changed until its worker has the plan, p50 / p99 of {size.changes} (goal 2 s)",
            f"{statistics.median(latencies):.2f} / {p99:.2f} s",
        ],
        ["operator's CPU a change (goal 20 ms)", f"{used / size.changes * 1e3:.1f} ms"],
        ["operator's memory (goal 250 MB)", f"{resident_bytes(pid) / 1e6:.0f} MB"],
    ]


def change(running: Bench, number: int, url: str) -> float:
    """Change a Check; seconds until its worker has the plan."""
    path = f"/apis/pollwatch.dev/v1alpha1/namespaces/{NAMESPACE}/checks/{name_of(number)}"
    changed = time.time()
    running.plane.admin.patch(path, {"spec": {"http": {"url": url}}})
    applied = wait_until(
        lambda: applied_after(running.node.pods().values(), changed),
        what="the new plan to be live",
        within_seconds=90,
        every_seconds=0.02,
    )
    return (applied or changed) - changed


def settled(running: Bench, size: Size) -> bool:
    """Whether the pool says that every worker probes by its plan, all Checks together."""
    status = running.pools.status(POOL)
    delivered = running.pools.condition(POOL, "Delivered").get("status")
    return bool(delivered == "True" and status.get("checks") == size.checks)


def applied_after(pods: Iterable[LocalPod], moment: float) -> float | None:
    """When a worker took up a plan after a moment (Unix seconds), as its log says; `None`: not yet."""
    for pod in pods:
        # Most of a log is old: one line is enough.
        with pod.log.open("rb") as log:
            log.seek(max(0, pod.log.stat().st_size - 4096))
            lines = log.read().splitlines()
        for line in lines:
            if b'"plan applied"' in line and line.startswith(b"{"):
                at = datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
                if at >= moment:
                    return at
    return None


def cpu_rate(pid: int, seconds: float) -> float:
    """Share of a core that a process uses."""
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / seconds


def idle(running: Bench, operator: Operator, size: Size) -> list[list[str]]:
    """What is written, and used, while nothing changes."""
    time.sleep(size.period)
    versions = {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in listed(running.plane)}
    share = cpu_rate(operator.program.pid, size.idle)
    written = sum(
        one["metadata"]["resourceVersion"] != versions[one["metadata"]["name"]]
        for one in listed(running.plane)
    )
    return [
        [f"Checks written in {size.idle:.0f} idle seconds (goal 0)", str(written)],
        ["operator's CPU when idle (goal 1 %)", f"{share:.2%} of a core"],
        *workers_cost(running, size),
    ]


def workers_cost(running: Bench, size: Size) -> list[list[str]]:
    """What the workers use, probing."""
    pids = [pod.pid for pod in running.node.pods().values() if pod.pid is not None]
    before = sum(map(cpu_seconds, pids))
    time.sleep(size.period)
    used = (sum(map(cpu_seconds, pids)) - before) / size.period / len(pids)
    memory = statistics.fmean(map(resident_bytes, pids))
    probes = size.checks / size.period / len(pids)
    return [["a worker, probing", f"{used:.1%} of a core at {probes:.0f} probes/s, {memory / 1e6:.0f} MB"]]


def killed_worker(running: Bench, size: Size) -> list[list[str]]:
    """One worker crashes: when its targets are probed again, and in which phases."""
    pod = running.node.pods()[f"probepool-{POOL}-0-0"]
    page = httpx.get(f"{pod.url}/metrics", timeout=60.0).content
    names = {name.decode() for name in _SERIES.findall(page)}
    killed, restarts = time.monotonic(), pod.restarts
    running.node.kill(pod.name)
    wait(lambda: pod.restarts > restarts and pod.started and pod.started > killed, "a new process")
    started = pod.started or killed

    def again() -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for path, times in running.site.hits(since=started).items():
            if (name := path[1:].partition("?")[0]) in names:
                found.setdefault(name, []).extend(times)
        return found

    wait(lambda: len(again()) == len(names), "its targets to be probed again", every_seconds=2.0)
    time.sleep(2 * size.period)
    firsts = sorted(min(times) - started for times in again().values())
    kept = gaps = 0
    longest = 0.0
    for times in merged(running.site.hits(), names).values():
        before = [at for at in times if at < killed]
        after = [at for at in times if at >= started]
        kept += distance(phase(before[-3:], size.period), phase(after[1:], size.period)) < IN_PHASE
        longest = max(longest, min(after) - max(before))
        gaps += min(after) - max(before) > 2 * size.period
    return [
        [
            f"a worker killed: its {len(names)} targets probed again, first / last (goal 2 s)",
            f"{firsts[0]:.2f} / {firsts[-1]:.1f} s from the start of the process",
        ],
        ["the longest that one of them was not probed", f"{longest:.1f} s ({gaps} above two periods)"],
        ["of them in the phase of before", f"{kept / len(names):.1%}"],
    ]


def merged(hits: dict[str, list[float]], names: set[str]) -> dict[str, list[float]]:
    """Requests by Check, whatever its URL was."""
    found: dict[str, list[float]] = {}
    for path, times in hits.items():
        if (name := path[1:].partition("?")[0]) in names:
            found.setdefault(name, []).extend(times)
    return {name: sorted(times) for name, times in found.items()}


def succession(running: Bench, first: Operator) -> list[list[str]]:
    """Operators that end, with another one at hand."""
    with running.operator("operator-1") as second:
        begin = time.monotonic()
        first.program.kill()
        wait(lambda: leads(second), "the second to lead", every_seconds=0.05)
        failover = time.monotonic() - begin
        with running.operator("operator-2") as third:
            begin = time.monotonic()
            second.program.terminate()
            wait(lambda: leads(third), "the third to lead", every_seconds=0.05)
            handover = time.monotonic() - begin
    return [
        ["leader killed until another leads (goal 15 s)", f"{failover:.1f} s"],
        ["leader told to stop until another leads (goal 2 s)", f"{handover:.2f} s"],
    ]


def leads(operator: Operator) -> bool:
    """Whether it is the leader."""
    return operator.metric("pollwatch_operator_leader") == 1.0


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    usual = Size()
    parser.add_argument("--checks", type=int, default=usual.checks)
    parser.add_argument("--workers", type=int, default=usual.workers)
    parser.add_argument("--period", type=int, default=usual.period, help="periodSeconds of each Check")
    parser.add_argument("--changes", type=int, default=usual.changes, help="Checks changed, one by one")
    parser.add_argument("--idle", type=float, default=usual.idle, help="seconds in which nothing changes")
    print(measure(Size(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
