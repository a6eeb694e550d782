"""A cluster of its own, to which the CRDs of other operators can come and from which they can go."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pollwatch.control.alerting.apis import (
    GRAFANA_DASHBOARDS,
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
    POD_MONITORS,
    PROMETHEUS_RULES,
    SERVICE_MONITORS,
)
from pollwatch.control.cluster import Resource
from tests.cluster.apiclient import ApiError, documents_in
from tests.cluster.apifiles import read_crds
from tests.cluster.controlplane import ControlPlane
from tests.cluster.crds import establish
from tests.cluster.fixtures import CRDS
from tests.cluster.progress import Progress
from tests.cluster.tools import Toolbox
from tests.cluster.waiting import wait_until
from tests.control.conftest import RBAC, StartOperator
from tests.control.operators import RunningOperator, running_operator
from tests.control.pool_stage import SYSTEM_NAMESPACE

Definitions = Mapping[str, Sequence[dict[str, Any]]]

KINDS = {
    "prometheus-operator": (PROMETHEUS_RULES, POD_MONITORS, SERVICE_MONITORS),
    "grafana-operator": (GRAFANA_FOLDERS, GRAFANA_RULE_GROUPS, GRAFANA_DASHBOARDS),
}
"""What of each operator is of interest here."""

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="session")
def definitions() -> Definitions:
    """The CRDs of Prometheus Operator and of grafana-operator, as they ship them."""
    files = Toolbox(os.environ, Progress(sys.__stderr__ or sys.stderr)).api_files()
    found = {}
    for operator, resources in KINDS.items():
        names = {f"{resource.plural}.{resource.group}" for resource in resources}
        found[operator] = [one for one in read_crds(files.crds(operator)) if one["metadata"]["name"] in names]
        assert len(found[operator]) == len(names)
    return found


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that no other module sees, for what is installed in it here."""
    toolbox = Toolbox(os.environ, Progress(sys.__stderr__ or sys.stderr))
    with ControlPlane(
        kube_apiserver=toolbox.path("kube-apiserver"),
        etcd=toolbox.path("etcd"),
        folder=tmp_path_factory.mktemp("control-plane"),
    ) as running:
        establish(running.admin, documents_in(CRDS))
        yield running


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with `manifests/rbac` and `manifests/rbac/alerts` applied."""
    documents = [*documents_in(RBAC), *documents_in(RBAC / "alerts")]
    control_plane.admin.apply(sorted(documents, key=lambda document: document["kind"] != "Namespace"))
    return control_plane


class Operators:
    """The operators of other people, as far as Pollwatch sees them: their CRDs."""

    def __init__(self, cluster: ControlPlane, definitions: Definitions) -> None:
        self._admin = cluster.admin
        self._definitions = definitions

    def install(self, *operators: str) -> None:
        for operator in operators or KINDS:
            establish(self._admin, self._definitions[operator])

    def uninstall(self, *operators: str) -> None:
        """Take them away, with all that there is of their kinds."""
        for operator in operators or KINDS:
            for definition in self._definitions[operator]:
                path = f"{DEFINITIONS}/{definition['metadata']['name']}"
                try:
                    self._admin.delete(path)
                except ApiError as error:
                    if error.status != 404:
                        raise
                wait_until(lambda path=path: self._is_gone(path), what=f"{path} to be gone")  # type: ignore[misc]

    def _is_gone(self, path: str) -> bool:
        try:
            self._admin.get(path)
        except ApiError as error:
            return error.status == 404
        return False


@pytest.fixture(scope="module")
def operators(cluster: ControlPlane, definitions: Definitions) -> Operators:
    """The operators of other people: none is installed yet."""
    return Operators(cluster, definitions)


@pytest.fixture(scope="module")
def both_operators(operators: Operators) -> None:
    """Prometheus Operator and grafana-operator, for all tests of a module."""
    operators.install()


class Objects:
    """The objects of other operators in a namespace, as their owners see them."""

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        self._admin = cluster.admin
        self._namespace = namespace

    def all(self, resource: Resource) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._admin.get(resource.path(self._namespace))["items"]
        return items

    def names(self, resource: Resource) -> list[str]:
        return [one["metadata"]["name"] for one in self.all(resource)]

    def get(self, resource: Resource, name: str = "pollwatch-checks") -> dict[str, Any]:
        """An object; empty when it is not there."""
        found = [one for one in self.all(resource) if one["metadata"]["name"] == name]
        return found[0] if found else {}

    def wait(self, resource: Resource, name: str = "pollwatch-checks") -> dict[str, Any]:
        """Wait until an object is there."""
        what = f"{resource.kind} {name} in {self._namespace}"
        return wait_until(lambda: self.get(resource, name), what=what, within_seconds=60) or {}

    def wait_gone(self, resource: Resource, name: str = "pollwatch-checks") -> None:
        """Wait until an object is not there."""
        what = f"{resource.kind} {name} in {self._namespace} to be gone"
        wait_until(lambda: not self.get(resource, name), what=what, within_seconds=60)

    def change(self, resource: Resource, patch: dict[str, Any], name: str = "pollwatch-checks") -> None:
        """Edit an object, as `kubectl edit` would."""
        self._admin.patch(resource.path(self._namespace, name), patch)

    def write_status(
        self, resource: Resource, status: dict[str, Any], name: str = "pollwatch-checks"
    ) -> None:
        """Write a status, as the operator of that kind would."""
        self._admin.patch(resource.path(self._namespace, name, "status"), {"status": status})

    def delete(self, resource: Resource, name: str = "pollwatch-checks") -> None:
        self._admin.delete(resource.path(self._namespace, name))

    def groups(self, name: str = "pollwatch-checks") -> list[str]:
        """Names of the groups in a PrometheusRule."""
        return [group["name"] for group in self.get(PROMETHEUS_RULES, name).get("spec", {}).get("groups", [])]


@pytest.fixture
def objects(cluster: ControlPlane, namespace: str) -> Objects:
    """What is in the test's namespace."""
    return Objects(cluster, namespace)


@pytest.fixture
def home(cluster: ControlPlane) -> Objects:
    """What is in the operator's own namespace."""
    return Objects(cluster, SYSTEM_NAMESPACE)


@pytest.fixture
def start(cluster: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[StartOperator]:
    """Starts operators that look every second at what is there; they end with the test."""
    kubeconfig = cluster.kubeconfig(cluster.service_account_token(SYSTEM_NAMESPACE, "pollwatch"))
    with ExitStack() as running:

        def start(*arguments: str) -> RunningOperator:
            folder = tmp_path / f"operator-{len(list(tmp_path.glob('operator-*')))}"
            folder.mkdir()
            operator = running_operator(
                kubeconfig, folder, f"--namespace={namespace}", "--resync-period=1", *arguments
            )
            return running.enter_context(operator)

        yield start


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something, generously."""
    wait_until(lambda: bool(condition()), what=what, within_seconds=60)
