"""A cluster with our rights in it, a site to probe, and operators to start."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.machine import Machine
from tests.cluster.apiclient import documents_in
from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes.local_node import LocalNode
from tests.cluster.waiting import wait_until
from tests.control.operators import CHECKS, POOLED, RunningOperator, running_operator
from tests.control.pool_stage import SYSTEM_NAMESPACE, WORKER_IMAGE, Pools, worker_image
from tests.support.counting_site import HOSTS, CountingSite, counting_site
from tests.support.sites import Site, running_site

RBAC = Path(__file__).parents[2] / "manifests" / "rbac"

EXAMPLE_HOST = "www.public.example"

StartOperator = Callable[..., RunningOperator]


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with `manifests/rbac` applied, in an order that `kubectl apply` may choose too."""
    documents = sorted(documents_in(RBAC), key=lambda document: document["kind"] != "Namespace")
    control_plane.admin.apply(documents)
    return control_plane


@pytest.fixture
def start_operator(cluster: ControlPlane, tmp_path: Path) -> Iterator[StartOperator]:
    """Starts operators under the service account of `manifests/rbac`; they end with the test."""
    kubeconfig = cluster.kubeconfig(cluster.service_account_token("pollwatch-system", "pollwatch"))
    with ExitStack() as running:

        def start(*arguments: str, kubeconfig: Path = kubeconfig) -> RunningOperator:
            folder = tmp_path / f"operator-{len(list(tmp_path.glob('operator-*')))}"
            folder.mkdir()
            return running.enter_context(running_operator(kubeconfig, folder, *arguments))

        yield start


@pytest.fixture
def pool_rights(cluster: ControlPlane) -> Iterator[None]:
    """`manifests/rbac/pools` in force: operators without pools have to do with less again."""
    documents = documents_in(RBAC / "pools")
    cluster.admin.apply(documents)
    yield
    for document in documents:
        if document["kind"].endswith("Binding"):
            cluster.admin.delete(cluster.admin.path_of(document))


@pytest.fixture
def pools(cluster: ControlPlane, pool_rights: None) -> Iterator[Pools]:
    """The ProbePools of the cluster: none at first, and none is left."""
    del pool_rights
    pools = Pools(cluster)
    pools.clear()
    yield pools
    pools.clear()


@pytest.fixture
def node(cluster: ControlPlane, pools: Pools, tmp_path: Path) -> Iterator[LocalNode]:
    """Runs the workers of all pools; `www.public.example` is three servers to them."""
    del pools  # They are cleared when no worker runs any more.
    image = worker_image(tmp_path / "image", {EXAMPLE_HOST: HOSTS})
    with LocalNode(
        cluster,
        namespace=SYSTEM_NAMESPACE,
        folder=tmp_path / "node",
        images={WORKER_IMAGE: image},
        links=True,
    ) as node:
        yield node


@pytest.fixture
def start_pooled(
    cluster: ControlPlane, node: LocalNode, namespace: str, tmp_path: Path
) -> Iterator[StartOperator]:
    """Starts operators that have their workers in pools; they end with the test, before the workers."""
    del node
    kubeconfig = cluster.kubeconfig(cluster.service_account_token(SYSTEM_NAMESPACE, "pollwatch"))
    with ExitStack() as running:

        def start(*arguments: str) -> RunningOperator:
            folder = tmp_path / f"operator-{len(list(tmp_path.glob('operator-*')))}"
            folder.mkdir()
            operator = running_operator(
                kubeconfig, folder, f"--namespace={namespace}", *arguments, mode=POOLED
            )
            return running.enter_context(operator)

        yield start


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Says how long the machine kept processes waiting: a noisy neighbour is no gap of ours."""
    with Machine() as machine:
        yield machine


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[CountingSite]:
    """A site that remembers when it was asked for what."""
    with counting_site(tmp_path) as site:
        yield site


@contextmanager
def threaded_site(tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A site in a thread of its own: it answers while the test waits for something else."""
    found: list[Site] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def main() -> None:
        async with running_site(tls=tls) as site:
            found.append(site)
            ready.set()
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=run, name="site")
    thread.start()
    try:
        assert ready.wait(30)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)


@pytest.fixture
def site() -> Iterator[Site]:
    """A site whose answers can be switched."""
    with threaded_site() as site:
        yield site


class Checks:
    """The Checks of one namespace, as an application team handles them."""

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        self._admin = cluster.admin
        self.namespace = namespace

    @property
    def path(self) -> str:
        return f"{CHECKS}/namespaces/{self.namespace}/checks"

    def create(self, name: str, **spec: Any) -> dict[str, Any]:
        """Make a Check that is probed each second."""
        return self._admin.post(
            self.path,
            {
                "apiVersion": "pollwatch.dev/v1alpha1",
                "kind": "Check",
                "metadata": {"name": name},
                "spec": {"periodSeconds": 1, "timeoutSeconds": 1} | spec,
            },
        )

    def labels(self, name: str) -> tuple[str, str]:
        """What tells its series from those of a Check that another test left behind under that name."""
        return f'namespace="{self.namespace}"', f'check="{name}"'

    def change(self, name: str, **spec: Any) -> None:
        self._admin.patch(f"{self.path}/{name}", {"spec": spec})

    def spoil_status(self, name: str, **status: Any) -> None:
        """Write to the status, as only the operator should."""
        self._admin.patch(f"{self.path}/{name}/status", {"status": status})

    def delete(self, name: str) -> None:
        self._admin.delete(f"{self.path}/{name}")

    def get(self, name: str) -> dict[str, Any]:
        return self._admin.get(f"{self.path}/{name}")

    def condition(self, name: str, condition_type: str) -> dict[str, Any]:
        """A condition; empty when it is not there."""
        conditions = self.get(name).get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == condition_type), {})

    def verdict(self, name: str) -> str:
        return str(self.get(name).get("status", {}).get("verdict", ""))

    def wait_verdict(self, name: str, verdict: str) -> dict[str, Any]:
        """Wait for a verdict, and return the status that has it."""

        def status() -> dict[str, Any] | None:
            found: dict[str, Any] = self.get(name).get("status", {})
            return found if found.get("verdict") == verdict else None

        return wait_until(status, what=f"{name} to be {verdict}") or {}

    def wait_reason(self, name: str, condition_type: str, reason: str) -> dict[str, Any]:
        """Wait until a condition has a reason, and return it."""

        def condition() -> dict[str, Any] | None:
            found = self.condition(name, condition_type)
            return found if found.get("reason") == reason else None

        try:
            return wait_until(condition, what=f"{condition_type} of {name} to be {reason}") or {}
        except AssertionError as error:
            raise AssertionError(f"{error}; its status is {self.get(name).get('status')}") from None

    def events(self, name: str) -> list[dict[str, Any]]:
        """What `kubectl describe` shows."""
        items = self._admin.get(f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events")["items"]
        return sorted(
            (item for item in items if item["regarding"]["name"] == name),
            key=lambda item: str(item["eventTime"]),
        )

    def lose_events(self, name: str) -> None:
        """Have it as if nobody had posted them."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        for event in self.events(name):
            self._admin.delete(f"{path}/{event['metadata']['name']}")

    def wait_event(self, name: str, reason: str) -> dict[str, Any]:
        """Wait for the first Event with a reason."""
        return (
            wait_until(
                lambda: next((one for one in self.events(name) if one["reason"] == reason), None),
                what=f"an Event {reason} for {name}",
            )
            or {}
        )


@pytest.fixture
def checks(cluster: ControlPlane, namespace: str) -> Checks:
    """The Checks of the test's namespace."""
    return Checks(cluster, namespace)
