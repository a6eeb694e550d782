"""Many Checks in a real API server: how soon they are probed, what is written, what they cost.

    python -m benchmarks.operator_scale [--checks 10000] [--idle 300] [--period 30]

The API server, etcd, the operator, the site that is probed and this program share the
machine. The operator runs under the service account of manifests/rbac.
"""

import argparse
import asyncio
import os
import re
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import aiohttp
import httpx
import uvloop

from benchmarks.processes import cpu_seconds, resident_bytes, wait_for_port
from benchmarks.results import table
from tests.cluster.apiclient import documents_in
from tests.cluster.controlplane import ControlPlane
from tests.cluster.crds import establish
from tests.cluster.process import Program
from tests.cluster.progress import Progress
from tests.cluster.tools import Toolbox
from tests.support.ports import free_port

ROOT = Path(__file__).parents[1]
NAMESPACE = "scale"
CREATES_AT_A_TIME = 16
PAGE = 500
PATIENCE = 600.0
"""Seconds after which a step is given up."""

LOOK_EVERY = 10.0
"""Seconds between looks: a list of everything, and a scrape, cost what is measured, too. What is
reported is read from the timestamps afterwards."""

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class _Site(asyncio.Protocol):
    """Answers anything, and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        del data
        self._transport.write(_ANSWER)
        self._transport.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the operator had used, and done, at a moment."""

    cpu: float
    memory: int
    writes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A running operator, seen from outside."""

    program: Program
    url: str

    def metric(self, name: str) -> float:
        """Read one series by its name and labels; 0 when it is not there."""
        page = httpx.get(f"{self.url}/metrics", timeout=30.0).text
        found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def step(self) -> Step:
        """Look at it now."""
        return Step(
            cpu=cpu_seconds(self.program.pid),
            memory=resident_bytes(self.program.pid),
            writes=self.metric('pollwatch_operator_status_writes_total{outcome="written"}'),
        )

    def wait_ready(self) -> None:
        """Wait until it is ready."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5.0).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise TimeoutError(f"the operator was not ready: {self.program.log.read_text()[-2000:]}")


@contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """A control plane with the CRDs, the rights and the namespace."""
    toolbox = Toolbox(os.environ, Progress(sys.stderr))
    running = ControlPlane(
        kube_apiserver=toolbox.path("kube-apiserver"), etcd=toolbox.path("etcd"), folder=folder
    )
    with running:
        establish(running.admin, documents_in(ROOT / "manifests" / "crds"))
        running.admin.apply(
            sorted(documents_in(ROOT / "manifests" / "rbac"), key=lambda one: one["kind"] != "Namespace")
        )
        running.admin.post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        yield running


@contextmanager
def operator(plane: ControlPlane, folder: Path) -> Iterator[Operator]:
    """The operator under its own service account."""
    token = plane.service_account_token("pollwatch-system", "pollwatch")
    port = free_port()
    program = Program(
        "operator",
        [
            Path(sys.executable).with_name("pollwatch"),
            "operator",
            "--embedded",
            "--allow-egress=127.0.0.0/8",
            f"--listen=127.0.0.1:{port}",
            f"--kubeconfig={plane.kubeconfig(token)}",
        ],
        log=folder / "operator.log",
    )
    try:
        running = Operator(program=program, url=f"http://127.0.0.1:{port}")
        running.wait_ready()
        yield running
    finally:
        program.stop()


def check(number: int, *, port: int, period: int) -> dict[str, Any]:
    """One Check of a usual size."""
    return {
        "apiVersion": "pollwatch.dev/v1alpha1",
        "kind": "Check",
        "metadata": {"name": f"check-{number:05d}", "namespace": NAMESPACE},
        "spec": {
            "periodSeconds": period,
            "timeoutSeconds": min(10, period),
            "labels": {"team": f"team-{number % 50}"},
            "http": {
                "url": f"http://127.0.0.1:{port}/{number}",
                "headers": [{"name": "Accept-Language", "value": "en"}],
                "expect": {"statuses": ["2xx"], "body": [{"contains": "ok"}]},
            },
        },
    }


async def create(plane: ControlPlane, checks: list[dict[str, Any]]) -> float:
    """Create them as fast as the API server takes them; return the seconds it took."""
    tls = ssl.create_default_context(cafile=plane.ca_file)
    url = f"{plane.url}/apis/pollwatch.dev/v1alpha1/namespaces/{NAMESPACE}/checks"
    headers = {"Authorization": f"Bearer {plane.admin_token}"}
    waiting = iter(checks)
    started = time.monotonic()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=CREATES_AT_A_TIME), headers=headers
    ) as session:

        async def work() -> None:
            for document in waiting:
                async with session.post(url, json=document) as response:
                    if response.status != httpx.codes.CREATED:
                        raise RuntimeError(f"create: {response.status} {await response.text()}")

        await asyncio.gather(*(work() for _ in range(CREATES_AT_A_TIME)))
    return time.monotonic() - started


def listed(plane: ControlPlane) -> list[dict[str, Any]]:
    """Read all Checks."""
    items: list[dict[str, Any]] = []
    following = ""
    while True:
        page = plane.admin.get(
            f"/apis/pollwatch.dev/v1alpha1/namespaces/{NAMESPACE}/checks",
            limit=PAGE,
            **{"continue": following},
        )
        items += page["items"]
        following = page["metadata"].get("continue", "")
        if not following:
            return items


def accepted_at(item: dict[str, Any]) -> float | None:
    """Return when a Check was accepted, Unix seconds (whole ones)."""
    for condition in item.get("status", {}).get("conditions", ()):
        if condition["type"] == "Accepted" and condition["status"] == "True":
            return datetime.fromisoformat(condition["lastTransitionTime"]).timestamp()
    return None


def wait_for(what: str, count: int, read: Callable[[], float]) -> None:
    """Wait until a number is reached."""
    print(f"waiting until {count} are {what}", file=sys.stderr)
    deadline = time.monotonic() + PATIENCE
    value = 0.0
    while time.monotonic() < deadline:
        value = read()
        if value >= count:
            return
        time.sleep(LOOK_EVERY)
    raise TimeoutError(f"{what}: {value:.0f} of {count}")


def measure(count: int, *, idle: float, period: int) -> str:
    """Run it all; return the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with control_plane(folder) as plane, operator(plane, folder) as running, site() as port:
            return _measure(plane, running, port, count, idle=idle, period=period)


def _measure(
    plane: ControlPlane, running: Operator, port: int, count: int, *, idle: float, period: int
) -> str:
    before = running.step()
    creating = asyncio.run(
        create(plane, [check(number, port=port, period=period) for number in range(count)])
    )
    created_unix = time.time()
    wait_for("accepted", count, lambda: sum(accepted_at(one) is not None for one in listed(plane)))
    accepted = max(accepted_at(one) or 0.0 for one in listed(plane)) - created_unix
    # The plan changed for the last time when the last Check entered it.
    applied = running.metric("pollwatch_worker_plan_applied_timestamp_seconds") - created_unix
    planned = running.metric("pollwatch_worker_plan_checks")
    if planned != count:
        raise RuntimeError(f"{planned:.0f} of {count} Checks are scheduled")
    busy = running.step()
    wait_for("up", count, lambda: sum(one["status"].get("verdict") == "Up" for one in listed(plane)))
    time.sleep(period)
    settled = running.step()
    versions = {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in listed(plane)}
    time.sleep(idle)
    after = running.step()
    changed = sum(
        one["metadata"]["resourceVersion"] != versions[one["metadata"]["name"]] for one in listed(plane)
    )
    return table(
        ["figure", "value"],
        [
            ["Checks", f"{count}, each {period} s"],
            ["created at", f"{count / creating:.0f}/s"],
            ["all scheduled, after the last create", f"{max(0.0, applied):.1f} s"],
            ["all Accepted in status, after the last create", f"{max(0.0, accepted):.0f} s"],
            ["status writes until all were Up", f"{settled.writes - before.writes:.0f}"],
            ["operator's CPU until all were Accepted", f"{busy.cpu - before.cpu:.1f} s"],
            [
                f"Checks written in {idle:.0f} idle seconds",
                f"{changed} ({after.writes - settled.writes:.0f} writes)",
            ],
            ["operator's CPU when idle, probing", f"{(after.cpu - settled.cpu) / idle:.1%} of a core"],
            ["operator's memory without Checks", f"{before.memory / 2**20:.0f} MiB"],
            ["operator's memory with them", f"{after.memory / 2**20:.0f} MiB"],
            ["memory a Check", f"{(after.memory - before.memory) / count / 1024:.1f} KiB"],
        ],
    )


@contextmanager
def site() -> Iterator[int]:
    """The site, in a process of its own; its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        program = Program(
            "site",
            [sys.executable, "-m", "benchmarks.operator_scale", f"--serve={port}"],
            log=Path(name) / "site.log",
        )
        try:
            wait_for_port(port)
            yield port
        finally:
            program.stop()


async def serve(port: int) -> None:
    """Be the site, for ever."""
    server = await asyncio.get_running_loop().create_server(_Site, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--checks", type=int, default=10_000)
    parser.add_argument("--idle", type=float, default=300.0, help="seconds in which nothing changes")
    parser.add_argument("--period", type=int, default=30, help="periodSeconds of each Check")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        uvloop.run(serve(arguments.serve))
        return
    print(measure(arguments.checks, idle=arguments.idle, period=arguments.period))


if __name__ == "__main__":
    main()
