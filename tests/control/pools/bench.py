"""The pools' half of an operator, in this process, on the real API server."""

import asyncio
import base64
import random
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pollwatch.control.cluster import NAMESPACES, PROBE_POOLS, Cluster
from pollwatch.control.credentials import load_credentials
from pollwatch.control.inbox import Inbox
from pollwatch.control.intake import Intake
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.pools.fleet import Fleet
from pollwatch.control.pools.owned import OWNED, OwnedObjects
from pollwatch.control.pools.registry import Pools
from pollwatch.control.resync import Resync
from pollwatch.control.store import Store
from pollwatch.control.watch import Watch
from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe
from pollwatch.plan.clock import SystemClock
from pollwatch.worker.keys import Keys
from tests.cluster.apiclient import ApiError
from tests.cluster.controlplane import ControlPlane
from tests.control.pool_stage import LOOPBACK, POOLS
from tests.support.plans import make_check

T = TypeVar("T")

IMAGE = "pollwatch:test"


async def eventually(outcome: Callable[[], T], what: str, within: float = 60.0) -> T:
    """Wait until something is true, while the operator in this loop goes on."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not (answer := await asyncio.to_thread(outcome)):
        assert loop.time() < deadline, f"waited {within:g} s for {what}; the last answer was {answer!r}"
        await asyncio.sleep(0.05)
    return answer


class Stage:
    """One ProbePool of the test's own, and what is made of it in the test's namespace."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self.control_plane = control_plane
        self.admin = control_plane.admin
        self.namespace = namespace
        self.pool = f"pool-{secrets.token_hex(4)}"
        self.base = f"probepool-{self.pool}"

    def create(self, **spec: Any) -> dict[str, Any]:
        return self.admin.post(
            POOLS,
            {
                "apiVersion": "pollwatch.dev/v1alpha1",
                "kind": "ProbePool",
                "metadata": {"name": self.pool},
                "spec": {"egress": {"allow": [LOOPBACK]}} | spec,
            },
        )

    def change(self, **spec: Any) -> None:
        self.admin.patch(f"{POOLS}/{self.pool}", {"spec": spec})

    def delete(self) -> None:
        try:
            self.admin.delete(f"{POOLS}/{self.pool}")
        except ApiError as error:
            if error.status != 404:
                raise

    def path(self, plural: str, name: str = "") -> str:
        prefix = {
            "statefulsets": "/apis/apps/v1",
            "poddisruptionbudgets": "/apis/policy/v1",
            "networkpolicies": "/apis/networking.k8s.io/v1",
        }.get(plural, "/api/v1")
        return f"{prefix}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def get(self, plural: str, name: str) -> dict[str, Any] | None:
        try:
            return self.admin.get(self.path(plural, name))
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def names(self, plural: str) -> list[str]:
        return sorted(item["metadata"]["name"] for item in self.admin.get(self.path(plural))["items"])

    def made(self) -> list[str]:
        kinds = ("statefulsets", "services", "secrets", "poddisruptionbudgets", "networkpolicies")
        return [f"{kind}/{name}" for kind in kinds for name in self.names(kind)]

    def keys(self, shard: int) -> Keys:
        """The keys that the worker of a shard is to accept."""
        secret = self.admin.get(self.path("secrets", f"{self.base}-{shard}-keys"))
        return Keys.parse(base64.b64decode(secret["data"]["keys.json"]))

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.admin.get(f"{POOLS}/{self.pool}").get("status", {})
        return found

    def condition(self, condition_type: str) -> dict[str, Any]:
        conditions = self.status().get("conditions", [])
        return next((one for one in conditions if one["type"] == condition_type), {})

    def reason(self, condition_type: str) -> str:
        return str(self.condition(condition_type).get("reason", ""))

    def play_stateful_sets(self) -> None:
        """Say of each StatefulSet that its pod runs by its template and is ready, as a controller does."""
        for item in self.admin.get(self.path("statefulsets"))["items"]:
            self.play_stateful_set(item["metadata"]["name"])

    def play_stateful_set(self, name: str, ready: int = 1) -> None:
        generation = self.admin.get(self.path("statefulsets", name))["metadata"]["generation"]
        status = {
            "replicas": 1,
            "readyReplicas": ready,
            "updatedReplicas": 1,
            "observedGeneration": generation,
        }
        self.admin.patch(f"{self.path('statefulsets', name)}/status", {"status": status})


class RunningFleet:
    """A fleet that leads, and what feeds it."""

    def __init__(self, stage: Stage, cluster: Cluster, metrics: ControlMetrics) -> None:
        clock = SystemClock()
        self.stage = stage
        self.metrics = metrics
        self.recompiled: list[CheckKey] = []
        self.pools = Pools(default_pool="default", recompile=self.recompiled.append)
        self.owned = OwnedObjects(stage.namespace)
        self.fleet = Fleet(
            cluster=cluster,
            pools=self.pools,
            owned=self.owned,
            image=IMAGE,
            instance="the-test",
            metrics=metrics,
            clock=clock,
            random=random.random,
        )
        store = Store()
        self._inbox = Inbox(asyncio.get_running_loop())
        self._intake = Intake(
            store=store,
            recompile=self.recompiled.append,
            report=lambda _key: None,
            metrics=metrics,
            clock=clock,
            followers={**self.owned.followers, **self.pools.followers},
        )
        self._resync = Resync(
            cluster=cluster,
            store=store,
            intake=self._intake,
            fetch=lambda _reference: None,
            namespaces=(stage.namespace,),
            period=300.0,
            metrics=metrics,
            clock=clock,
            random=random.random,
        )
        self._watches = [
            Watch(
                resources=resources,
                inbox=self._inbox,
                credentials=cluster.credentials,
                namespaces=namespaces,
                metrics=metrics,
                started=lambda: None,
                random=random.random,
            )
            for resources, namespaces in (((NAMESPACES, PROBE_POOLS), ()), (OWNED, (stage.namespace,)))
        ]

    def probe(self, *names: str, **changes: Any) -> dict[CheckKey, CheckPlan]:
        """Have Checks probed in the pool."""
        changes = {"probe": HttpProbe(url="http://127.0.0.1:9/"), "target": "http://127.0.0.1:9/"} | changes
        checks = {check.key: check for check in (make_check(name, **changes) for name in names)}
        self.fleet.apply({self.stage.pool: checks})
        return checks

    def drop(self, *names: str) -> None:
        """Have Checks not probed any more."""
        self.fleet.apply({self.stage.pool: {make_check(name).key: None for name in names}})

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Follow the cluster."""
        tasks = [asyncio.create_task(watch.run()) for watch in self._watches]
        tasks.append(asyncio.create_task(self._intake.run(self._inbox)))
        tasks.append(asyncio.create_task(self.fleet.follow()))
        try:
            await self._resync.once()
            await self.pools.known()
            yield
        finally:
            await _end(tasks)

    @asynccontextmanager
    async def leading(self, may_write: Callable[[], bool] = lambda: True) -> AsyncIterator[None]:
        """Lead."""
        task = asyncio.create_task(self.fleet.run(may_write))
        try:
            yield
        finally:
            await _end([task])

    async def resync(self) -> None:
        await self._resync.once()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


@asynccontextmanager
async def fleet_on(stage: Stage) -> AsyncIterator[RunningFleet]:
    """A fleet that follows the cluster, and does not lead yet."""
    clock, metrics = SystemClock(), ControlMetrics()
    credentials = await load_credentials(str(stage.control_plane.kubeconfig()), clock=clock)
    cluster = Cluster(credentials, metrics=metrics, clock=clock)
    try:
        running = RunningFleet(stage, cluster, metrics)
        async with running.watching():
            yield running
    finally:
        await cluster.close()


@asynccontextmanager
async def leading_fleet(stage: Stage) -> AsyncIterator[RunningFleet]:
    """A fleet that leads."""
    async with fleet_on(stage) as running, running.leading():
        yield running


def labelled(control_plane: ControlPlane, namespace: str, labels: Mapping[str, str]) -> None:
    """Label a namespace."""
    control_plane.admin.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": dict(labels)}})
