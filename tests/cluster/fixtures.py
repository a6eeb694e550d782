"""pytest fixtures: a control plane a session, a namespace a test, Prometheus and its kin.

Programs that are missing are built before the first test, so that no test's time limit covers a
build. What cannot be had fails the tests that need it, with one line. `POLLWATCH_SKIP_CLUSTER=1`
skips them instead, which CI (`CI=true`) does not accept.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.cluster.alertmanager import Alertmanager, WebhookReceiver
from tests.cluster.apiclient import ApiError, documents_in
from tests.cluster.cache import ToolUnavailableError
from tests.cluster.controlplane import ControlPlane
from tests.cluster.crds import establish
from tests.cluster.grafana import Grafana
from tests.cluster.kubeconform import Kubeconform
from tests.cluster.progress import Progress
from tests.cluster.prometheus import Prometheus
from tests.cluster.tools import Toolbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CRDS = Path(__file__).parents[2] / "manifests" / "crds"

_SCHEMAS = "schemas of Kubernetes"

_PROGRAMS_OF_FIXTURES = {
    "control_plane": ("etcd", "kube-apiserver"),
    "prometheus_binary": ("prometheus",),
    "promtool_binary": ("promtool",),
    "blackbox_exporter_binary": ("blackbox_exporter",),
    "alertmanager_binary": ("alertmanager",),
    "grafana_binary": ("grafana",),
    "helm_binary": ("helm",),
    "helm_3_binary": ("helm3",),
    "helm_unittest_binary": ("helm-unittest",),
    "kubectl_binary": ("kubectl",),
    "kubeconform": ("kubeconform", _SCHEMAS),
}

_MARKS_OF_FIXTURES = {
    "control_plane": "cluster",
    "prometheus_binary": "prometheus",
    "promtool_binary": "prometheus",
    "alertmanager_binary": "prometheus",
    "grafana_binary": "grafana",
}

_FOUND = pytest.StashKey[dict[str, Path | ToolUnavailableError]]()


class StartPrometheus(Protocol):
    """What the fixture `start_prometheus` is."""

    def __call__(self, configuration: Mapping[str, Any], *rules: Mapping[str, Any]) -> Prometheus:
        """Start one, and return it when it is ready; see `Prometheus` for the arguments."""


class StartAlertmanager(Protocol):
    """What the fixture `start_alertmanager` is."""

    def __call__(self, configuration: Mapping[str, Any]) -> Alertmanager:
        """Start one, and return it when it is ready; see `Alertmanager` for the argument."""


class StartGrafana(Protocol):
    """What the fixture `start_grafana` is."""

    def __call__(
        self,
        *data_sources: Mapping[str, Any],
        dashboards: Path | None = None,
        alerting: Sequence[Mapping[str, Any]] = (),
    ) -> Grafana:
        """Start one, and return it when it is ready; see `Grafana` for the arguments."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they need, before `-m` selects."""
    for item in items:
        for fixture in _MARKS_OF_FIXTURES.keys() & _fixtures_of(item):
            item.add_marker(_MARKS_OF_FIXTURES[fixture])


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the programs ready that the collected tests will ask for."""
    if session.config.option.collectonly or _skips():
        return
    fixtures = {name for item in session.items for name in _fixtures_of(item)}
    for fixture in _PROGRAMS_OF_FIXTURES.keys() & fixtures:
        for program in _PROGRAMS_OF_FIXTURES[fixture]:
            _look_for(program, session.config)


def _fixtures_of(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def _skips() -> bool:
    return os.environ.get("POLLWATCH_SKIP_CLUSTER") == "1" and os.environ.get("CI") != "true"


def _look_for(name: str, config: pytest.Config) -> Path | ToolUnavailableError:
    """The path of a program or of the schemas, or why they cannot be had.

    It is tried once a session, as a try may take minutes.
    """
    found = config.stash.setdefault(_FOUND, {})
    if name not in found:
        toolbox = Toolbox(os.environ, Progress(sys.__stderr__ or sys.stderr))
        try:
            found[name] = toolbox.api_files().schemas() if name == _SCHEMAS else toolbox.path(name)
        except ToolUnavailableError as error:
            found[name] = error
    return found[name]


def _program(name: str, request: pytest.FixtureRequest) -> Path:
    if _skips():
        pytest.skip(f"POLLWATCH_SKIP_CLUSTER=1: no test that needs {name}")
    found = _look_for(name, request.config)
    if isinstance(found, ToolUnavailableError):
        pytest.fail(f"{name} cannot be had: {found}", pytrace=False)
    return found


@pytest.fixture(scope="session")
def control_plane(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """The control plane that all tests share, with the CRDs of `manifests/crds` established."""
    etcd, kube_apiserver = _program("etcd", request), _program("kube-apiserver", request)
    folder = tmp_path_factory.mktemp("control-plane")
    with ControlPlane(kube_apiserver=kube_apiserver, etcd=etcd, folder=folder) as running:
        establish(running.admin, documents_in(CRDS))
        yield running


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """The name of a namespace of the test's own, emptied of what operators watch at its end.

    The namespace itself stays: nothing finishes its deletion where no controller manager runs.
    """
    admin = control_plane.admin
    made = admin.post("/api/v1/namespaces", {"metadata": {"generateName": "test-"}})
    name = str(made["metadata"]["name"])
    yield name
    for prefix in ("/api/v1", *_pollwatch_versions(control_plane)):
        for resource in admin.get(prefix)["resources"]:
            watched = prefix != "/api/v1" or resource["name"] in {"configmaps", "secrets"}
            if watched and resource["namespaced"] and "deletecollection" in resource["verbs"]:
                admin.delete(f"{prefix}/namespaces/{name}/{resource['name']}")


def _pollwatch_versions(control_plane: ControlPlane) -> list[str]:
    try:
        group = control_plane.admin.get("/apis/pollwatch.dev")
    except ApiError as error:
        if error.status != 404:
            raise
        return []
    return [f"/apis/{version['groupVersion']}" for version in group["versions"]]


@pytest.fixture(scope="session")
def prometheus_binary(request: pytest.FixtureRequest) -> Path:
    """The path of Prometheus."""
    return _program("prometheus", request)


@pytest.fixture(scope="session")
def promtool_binary(request: pytest.FixtureRequest) -> Path:
    """The path of promtool."""
    return _program("promtool", request)


@pytest.fixture(scope="session")
def blackbox_exporter_binary(request: pytest.FixtureRequest) -> Path:
    """The path of blackbox_exporter, the version that the benchmarks are measured against."""
    return _program("blackbox_exporter", request)


@pytest.fixture(scope="session")
def helm_binary(request: pytest.FixtureRequest) -> Path:
    """The path of Helm."""
    return _program("helm", request)


@pytest.fixture(scope="session")
def helm_3_binary(request: pytest.FixtureRequest) -> Path:
    """The path of Helm 3, which is still much in use."""
    return _program("helm3", request)


@pytest.fixture(scope="session")
def kubectl_binary(request: pytest.FixtureRequest) -> Path:
    """The path of kubectl."""
    return _program("kubectl", request)


@pytest.fixture(scope="session")
def helm_unittest_binary(request: pytest.FixtureRequest) -> Path:
    """The path of helm-unittest, which runs without Helm."""
    return _program("helm-unittest", request)


@pytest.fixture(scope="session")
def kubeconform(request: pytest.FixtureRequest) -> Kubeconform:
    """kubeconform, with the schemas of several versions of Kubernetes and of others' custom resources."""
    return Kubeconform(binary=_program("kubeconform", request), schemas=_program(_SCHEMAS, request))


@pytest.fixture
def start_prometheus(prometheus_binary: Path, tmp_path: Path) -> Iterator[StartPrometheus]:
    """Starts Prometheus servers that end with the test."""
    started: list[Prometheus] = []

    def start(configuration: Mapping[str, Any], *rules: Mapping[str, Any]) -> Prometheus:
        folder = tmp_path / f"prometheus-{len(started)}"
        folder.mkdir()
        server = Prometheus(prometheus_binary, folder=folder, configuration=configuration, rules=rules)
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def alertmanager_binary(request: pytest.FixtureRequest) -> Path:
    """The path of Alertmanager."""
    return _program("alertmanager", request)


@pytest.fixture
def webhook() -> Iterator[WebhookReceiver]:
    """Receives what an Alertmanager or a Grafana has to tell."""
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def start_alertmanager(alertmanager_binary: Path, tmp_path: Path) -> Iterator[StartAlertmanager]:
    """Starts Alertmanagers that end with the test."""
    with ExitStack() as started:

        def start(configuration: Mapping[str, Any]) -> Alertmanager:
            folder = Path(tempfile.mkdtemp(prefix="alertmanager-", dir=tmp_path))
            return started.enter_context(
                Alertmanager(alertmanager_binary, folder=folder, configuration=configuration)
            )

        yield start


@pytest.fixture(scope="session")
def grafana_binary(request: pytest.FixtureRequest) -> Path:
    """The path of the Grafana server, which is in its home folder."""
    return _program("grafana", request)


@pytest.fixture
def start_grafana(grafana_binary: Path, tmp_path: Path) -> Iterator[StartGrafana]:
    """Starts Grafana servers that end with the test; each takes about 15 s to be ready."""
    with ExitStack() as started:

        def start(
            *data_sources: Mapping[str, Any],
            dashboards: Path | None = None,
            alerting: Sequence[Mapping[str, Any]] = (),
        ) -> Grafana:
            folder = Path(tempfile.mkdtemp(prefix="grafana-", dir=tmp_path))
            return started.enter_context(
                Grafana(
                    grafana_binary,
                    folder=folder,
                    data_sources=data_sources,
                    dashboards=dashboards,
                    alerting=alerting,
                )
            )

        yield start
