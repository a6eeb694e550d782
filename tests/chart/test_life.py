"""A release on a real API server: installed, upgraded, switched to and fro, rolled back, uninstalled."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.chart.helm import CHART, NAMESPACE, RELEASE
from tests.cluster.apiclient import ApiError
from tests.cluster.crds import establish
from tests.cluster.waiting import wait_until
from tools.install_yaml import EMBEDDED as EMBEDDED_INSTALL
from tools.install_yaml import POOLS as POOLED_INSTALL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chart.helm import Helm, Object, Values
    from tests.cluster.controlplane import ControlPlane
    from tools.install_yaml import Install

DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/pollwatch"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CHECKS = "/apis/pollwatch.dev/v1alpha1/namespaces/default/checks"
POOLS = "/apis/pollwatch.dev/v1alpha1/probepools"

EMBEDDED: Values = {"mode": "embedded"}
POOLED: Values = {"mode": "pools"}

STATUS = {"verdict": "Degraded", "observedGeneration": 1, "reason": "UnexpectedStatus"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to have Helm change a cluster."""

    version: int = 4
    options: tuple[str, ...] = ()


SERVER_SIDE = Way(options=("--server-side=true",))


class Release:
    """A release, as who runs it sees it."""

    def __init__(self, helm: Helm, cluster: ControlPlane, way: Way) -> None:
        self._helm = helm
        self._way = way
        self.admin = cluster.admin

    def install(self, values: Values, *, chart: Path = CHART, taking_over: bool = False) -> str:
        """Install it, and return what Helm says."""
        options = [f"--namespace={NAMESPACE}", *self._way.options]
        if taking_over:
            options += ["--take-ownership"]
            options += ["--force-conflicts"] if self._way is SERVER_SIDE else []
        return self._helm("install", RELEASE, chart, *options, values=values)

    def upgrade(self, values: Values) -> str:
        """Upgrade it to the chart of this tree, with these values and no others."""
        options = (f"--namespace={NAMESPACE}", "--reset-values", *self._way.options)
        return self._helm("upgrade", RELEASE, CHART, *options, values=values)

    def rollback(self) -> None:
        """Go back to the revision before."""
        self._helm("rollback", RELEASE, f"--namespace={NAMESPACE}", *self._way.options)

    def uninstall(self) -> str:
        """Take it away, and return what Helm says."""
        return self._helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--ignore-not-found")

    def find(self, path: str) -> Object | None:
        """Read an object; none where there is none."""
        try:
            return self.admin.get(path)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def wait_gone(self, path: str) -> None:
        """Wait until there is no such object."""
        wait_until(lambda: self.find(path) is None, what=f"{path} to be gone")

    def deployment(self) -> Object:
        """The operator's."""
        return self.admin.get(DEPLOYMENT)

    def pool_roles(self) -> list[str]:
        """What the operator may do with pools."""
        listed = self.admin.get("/apis/rbac.authorization.k8s.io/v1/clusterroles")["items"]
        return sorted(name for one in listed if "-operator-" in (name := one["metadata"]["name"]))

    def watch_something(self) -> Object:
        """Make a Check, with a verdict as an operator writes it."""
        document = {
            "apiVersion": "pollwatch.dev/v1alpha1",
            "kind": "Check",
            "metadata": {"name": "front-page", "namespace": "default"},
            "spec": {"http": {"url": "http://www.example.org/"}},
        }
        wait_until(self._serves_checks, what="Checks to be served: their definition was just made")
        (check,) = self.admin.apply([document])
        self.admin.patch(f"{CHECKS}/front-page/status", {"status": STATUS})
        return check

    def _serves_checks(self) -> bool:
        served = self.find("/apis/pollwatch.dev/v1alpha1") or {"resources": []}
        return any(resource["kind"] == "Check" for resource in served["resources"])

    def check(self) -> Object:
        """It, as it is now."""
        return self.admin.get(f"{CHECKS}/front-page")


either_way = pytest.mark.parametrize(
    "release",
    [SERVER_SIDE, Way(options=("--server-side=false",)), Way(version=3)],
    ids=["server-side apply", "patches of the client", "Helm 3"],
    indirect=True,
)
"""Helm 4 applies on the server by default; Helm 3 knows only patches that the client makes."""


@pytest.fixture
def release(
    helm: Helm, helm_3: Helm, bare_cluster: ControlPlane, request: pytest.FixtureRequest
) -> Iterator[Release]:
    """A release that is not installed yet, on a cluster without Checks, pools and their definitions."""
    way: Way = getattr(request, "param", SERVER_SIDE)
    at_cluster = replace({4: helm, 3: helm_3}[way.version], kubeconfig=bare_cluster.kubeconfig())
    release = Release(at_cluster, bare_cluster, way)
    yield release
    release.uninstall()
    for name in ("checks.pollwatch.dev", "probepools.pollwatch.dev"):
        if release.find(f"{CRD}/{name}"):
            release.admin.delete(f"{CRD}/{name}")
        release.wait_gone(f"{CRD}/{name}")


def test_it_installs_where_pollwatch_was_never_heard_of(release: Release) -> None:
    said = release.install(EMBEDDED)

    assert release.deployment()["spec"]["replicas"] == 1
    # What it tells to do next works as it stands.
    check = said.partition("kubectl apply -f - <<'END'\n")[2].partition("\nEND\n")[0]
    release.admin.apply([yaml.safe_load(check)])
    assert release.check()["spec"]["http"]["url"] == "https://www.example.org/"
    assert "\nkubectl get checks --namespace default --watch\n" in said


def test_with_pools_it_installs_in_one_go(release: Release) -> None:
    said = release.install(POOLED)

    assert release.deployment()["spec"]["replicas"] == 2
    assert "kubectl get probepools" in said
    made = release.admin.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/pollwatch-default-pool")
    # The operator applies it; that the API server takes it is what matters here.
    release.admin.apply([yaml.safe_load(made["data"]["default-pool.yaml"])], dry_run=True)


@either_way
def test_from_embedded_to_pools_and_back_no_check_and_no_status_is_lost(release: Release) -> None:
    release.install(EMBEDDED)
    check, deployment = release.watch_something(), release.deployment()

    for values, strategy in ((POOLED, "RollingUpdate"), (EMBEDDED, "Recreate"), (POOLED, "RollingUpdate")):
        release.upgrade(values)

        assert release.deployment()["spec"]["strategy"]["type"] == strategy
        # The same object, patched: nothing of its selector, which cannot change, is in the mode.
        assert release.deployment()["metadata"]["uid"] == deployment["metadata"]["uid"]
        assert release.check()["metadata"]["uid"] == check["metadata"]["uid"]
        assert release.check()["status"] == STATUS


def test_going_back_to_embedded_takes_the_role_to_which_the_default_pool_belongs(release: Release) -> None:
    release.install(POOLED)
    assert "pollwatch-operator-default-pool" in release.pool_roles()

    release.upgrade(EMBEDDED)

    assert "pollwatch-operator-default-pool" not in release.pool_roles()
    assert "pollwatch-operator-pools" not in release.pool_roles()


def test_who_goes_back_to_embedded_is_told_of_pools_that_probe_on(release: Release) -> None:
    release.install(POOLED)
    pool = {"apiVersion": "pollwatch.dev/v1alpha1", "kind": "ProbePool", "metadata": {"name": "east"}}
    release.admin.post(POOLS, {**pool, "spec": {}})

    said = release.upgrade(EMBEDDED)

    assert "WARNING: workers of these pools go on probing, beside the operator: east" in said
    assert "kubectl delete probepool east" in said


@either_way
def test_a_rollback_brings_back_what_was_there(release: Release) -> None:
    release.install(EMBEDDED)
    release.watch_something()
    before = release.deployment()["spec"]
    release.upgrade(POOLED)

    release.rollback()

    assert release.deployment()["spec"] == before
    assert release.check()["status"] == STATUS


@pytest.fixture
def previous_chart(tmp_path: Path) -> Path:
    """The chart as it may have been: another version, and no `spec.objective` of Checks yet."""
    chart = tmp_path / "pollwatch"
    shutil.copytree(CHART, chart)
    metadata = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    (chart / "Chart.yaml").write_text(
        yaml.safe_dump(metadata | {"version": "0.0.9", "appVersion": "0.0.9"}), encoding="utf-8"
    )
    definition = chart / "templates" / "crds" / "checks.yaml"
    text = definition.read_text(encoding="utf-8")
    before, found, behind = text.partition("              objective:\n")
    assert found
    lines = behind.splitlines(keepends=True)
    while lines[0].startswith("                "):
        del lines[0]
    definition.write_text(before + "".join(lines), encoding="utf-8")
    return chart


def fields_of_checks(release: Release) -> dict[str, Any]:
    (version,) = release.admin.get(f"{CRD}/checks.pollwatch.dev")["spec"]["versions"]
    fields: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    return fields


@either_way
def test_an_upgrade_of_the_chart_upgrades_the_definitions_too(release: Release, previous_chart: Path) -> None:
    release.install(EMBEDDED, chart=previous_chart)
    assert "objective" not in fields_of_checks(release)
    check = release.watch_something()

    release.upgrade(EMBEDDED)

    assert "objective" in fields_of_checks(release)
    assert release.check()["metadata"]["uid"] == check["metadata"]["uid"]
    assert release.check()["status"] == STATUS
    (container,) = release.deployment()["spec"]["template"]["spec"]["containers"]
    assert not container["image"].endswith(":0.0.9")


def test_uninstalling_keeps_checks_and_installing_again_takes_them_up(release: Release) -> None:
    release.install(POOLED)
    check = release.watch_something()

    said = release.uninstall()

    assert "checks.pollwatch.dev" in said
    assert release.find(DEPLOYMENT) is None
    assert release.pool_roles() == []
    assert release.check()["status"] == STATUS
    release.install(EMBEDDED)
    assert release.check()["metadata"]["uid"] == check["metadata"]["uid"]


def test_definitions_that_the_chart_is_to_install_no_more_stay(release: Release) -> None:
    release.install(EMBEDDED)
    check = release.watch_something()

    release.upgrade({"crds": {"install": False}})

    assert release.check()["metadata"]["uid"] == check["metadata"]["uid"]


@either_way
@pytest.mark.parametrize(("install", "values"), [(EMBEDDED_INSTALL, EMBEDDED), (POOLED_INSTALL, POOLED)])
def test_it_takes_over_what_kubectl_has_installed(release: Release, install: Install, values: Values) -> None:
    documents = [one for one in yaml.safe_load_all(install.text()) if one["kind"] != "Namespace"]
    definitions = [one for one in documents if one["kind"] == "CustomResourceDefinition"]
    establish(release.admin, definitions)
    release.admin.apply(documents)
    check, deployment = release.watch_something(), release.deployment()

    release.install(values, taking_over=True)

    assert release.deployment()["metadata"]["uid"] == deployment["metadata"]["uid"]
    assert release.deployment()["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    assert release.check()["metadata"]["uid"] == check["metadata"]["uid"]


def test_uninstalling_takes_everything_where_that_was_asked_for(release: Release) -> None:
    release.install({"crds": {"keep": False}})
    release.watch_something()

    release.uninstall()

    for name in ("checks.pollwatch.dev", "probepools.pollwatch.dev"):
        release.wait_gone(f"{CRD}/{name}")
    left = release.admin.get("/apis/rbac.authorization.k8s.io/v1/clusterroles")["items"]
    assert not [one for one in left if "pollwatch" in one["metadata"]["name"]]
