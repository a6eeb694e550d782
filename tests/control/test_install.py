"""The plain installs: what `kubectl apply -f manifests/install.yaml` and `install-pools.yaml` bring."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import yaml

from pollwatch import __version__
from pollwatch.api.pool import parse_pool
from pollwatch.control.preflight import (
    RIGHTS,
    RIGHTS_AT_HOME,
    RIGHTS_IN_DEFAULT,
    RIGHTS_TO_POOLS,
    Right,
    rights_to_installed_pool,
)
from pollwatch.control.settings import InstalledPool
from tests.cluster.apiclient import ApiError, documents_in
from tests.cluster.controlplane import ControlPlane
from tools.install_yaml import EMBEDDED, INSTALLS, MANIFESTS, POOLS, Install

PODS = "/api/v1/namespaces/pollwatch-system/pods"

of_each_install = pytest.mark.parametrize("install", INSTALLS, ids=lambda install: install.file)


def documents_of(install: Install) -> list[dict[str, Any]]:
    """The objects of an install, in the order of the file."""
    return list(yaml.safe_load_all(install.text()))


def one_of(install: Install, kind: str) -> dict[str, Any]:
    """The only object of a kind."""
    (found,) = (document for document in documents_of(install) if document["kind"] == kind)
    return found


@pytest.fixture
def installed(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """A control plane from which goes again what pools need: other tests do without these rights."""
    yield control_plane
    admin = control_plane.admin
    stays = {(one["kind"], one["metadata"]["name"]) for one in documents_of(EMBEDDED)}
    for document in reversed(documents_of(POOLS)):
        identity = document["kind"], document["metadata"]["name"]
        if identity in stays or document["kind"] == "CustomResourceDefinition":
            continue
        try:
            admin.delete(admin.path_of(document))
        except ApiError as error:
            if error.status != 404:
                raise


@of_each_install
def test_the_committed_manifest_is_made_of_the_parts_of_today(install: Install) -> None:
    committed = (MANIFESTS / install.file).read_text(encoding="utf-8")

    assert committed == install.text(), "run `make generate`"


@of_each_install
def test_the_api_server_accepts_every_part_in_the_order_of_the_file(
    installed: ControlPlane, install: Install
) -> None:
    documents = documents_of(install)
    applied = installed.admin.apply(documents)

    assert [one["kind"] for one in applied] == [one["kind"] for one in documents]


@of_each_install
def test_the_image_is_that_of_this_version(install: Install) -> None:
    (container,) = one_of(install, "Deployment")["spec"]["template"]["spec"]["containers"]

    assert container["image"] == f"ghcr.io/pollwatch/pollwatch:{__version__}"


def test_workers_have_the_image_of_the_operator() -> None:
    (container,) = one_of(POOLS, "Deployment")["spec"]["template"]["spec"]["containers"]

    assert f"--worker-image={container['image']}" in container["args"]


@of_each_install
def test_the_operators_pod_is_admitted_to_its_namespace_where_pods_are_restricted(
    installed: ControlPlane, install: Install
) -> None:
    installed.admin.apply(documents_of(install))
    spec = one_of(install, "Deployment")["spec"]["template"]["spec"]
    pod = {"metadata": {"name": "operator"}, "spec": spec}

    admitted = installed.admin.post(PODS, pod, dryRun="All")
    assert admitted["spec"]["serviceAccountName"] == "pollwatch"
    del spec["containers"][0]["securityContext"]
    with pytest.raises(ApiError, match="violates PodSecurity"):
        installed.admin.post(PODS, pod, dryRun="All")


def test_an_embedded_operator_is_replaced_by_two_that_have_pools(installed: ControlPlane) -> None:
    installed.admin.apply(documents_of(EMBEDDED))
    installed.admin.apply(documents_of(POOLS))
    path = installed.admin.path_of(one_of(POOLS, "Deployment"))
    spec = installed.admin.get(path)["spec"]

    assert spec["replicas"] == 2
    assert spec["strategy"]["type"] == "RollingUpdate"
    assert "--embedded" not in spec["template"]["spec"]["containers"][0]["args"]


def test_an_install_with_pools_brings_all_that_an_embedded_one_brings() -> None:
    def names(install: Install) -> set[tuple[str, str]]:
        return {(one["kind"], one["metadata"]["name"]) for one in documents_of(install)}

    assert names(EMBEDDED) < names(POOLS)


def test_no_drain_takes_both_operators_and_a_broken_one_holds_up_no_drain() -> None:
    budget, deployment = one_of(POOLS, "PodDisruptionBudget"), one_of(POOLS, "Deployment")

    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]


def test_the_default_pool_is_one_that_the_api_server_takes(control_plane: ControlPlane) -> None:
    pool = yaml.safe_load(one_of(POOLS, "ConfigMap")["data"]["default-pool.yaml"])

    assert parse_pool(pool).name == "default"
    control_plane.admin.post("/apis/pollwatch.dev/v1alpha1/probepools", pool, dryRun="All")


def test_a_role_grants_what_the_cluster_role_grants() -> None:
    def rules(path: str) -> object:
        return yaml.safe_load((MANIFESTS / "rbac" / path).read_text(encoding="utf-8"))["rules"]

    assert rules("namespaced/role.yaml") == rules("cluster-role.yaml")


def granted(file: str) -> set[tuple[str, ...]]:
    """What the first role of a file grants: verb, group, resource and, where it is bound to one, a name."""
    role = documents_in(MANIFESTS / "rbac" / file)[0]
    return {
        (verb, group, resource, *rule.get("resourceNames", ()))
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def asked(rights: Iterable[Right]) -> set[tuple[str, ...]]:
    """What an operator asks for at its start, in the same form."""
    return {
        (
            right.verb,
            right.resource.group,
            "/".join(filter(None, (right.resource.plural, right.subresource))),
            *filter(None, [right.name]),
        )
        for right in rights
    }


def test_the_cluster_role_grants_what_is_asked_for_at_the_start_and_no_more() -> None:
    assert granted("cluster-role.yaml") == asked(RIGHTS)


def test_the_cluster_role_for_pools_grants_what_is_asked_for_at_the_start_and_no_more() -> None:
    assert granted("pools/cluster-role.yaml") == asked(RIGHTS_TO_POOLS)


def test_the_cluster_role_for_the_default_pool_grants_what_is_asked_for_at_the_start_and_no_more() -> None:
    pool = yaml.safe_load(one_of(POOLS, "ConfigMap")["data"]["default-pool.yaml"])
    installed = InstalledPool(document=pool, owner="pollwatch-operator-default-pool")

    assert granted("pools/default-pool.yaml") == asked(rights_to_installed_pool(installed))


@pytest.mark.parametrize(
    ("file", "rights"),
    [("pools/role.yaml", RIGHTS_AT_HOME), ("pools/default-namespace.yaml", RIGHTS_IN_DEFAULT)],
)
def test_the_roles_for_pools_grant_what_is_asked_for_at_the_start_and_no_more(
    file: str, rights: Iterable[Right]
) -> None:
    assert granted(file) == asked(rights)
