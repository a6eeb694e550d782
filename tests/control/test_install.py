"""The plain install: what `kubectl apply -f manifests/install.yaml` brings."""

import pytest
import yaml

from pollwatch import __version__
from pollwatch.control.preflight import RIGHTS
from tests.cluster.apiclient import ApiError, documents_in
from tests.cluster.controlplane import ControlPlane
from tools.install_yaml import MANIFESTS, install_yaml


def test_the_committed_manifest_is_made_of_the_parts_of_today() -> None:
    assert (MANIFESTS / "install.yaml").read_text(encoding="utf-8") == install_yaml(), "run `make generate`"


def test_the_api_server_accepts_every_part_in_the_order_of_the_file(control_plane: ControlPlane) -> None:
    documents = list(yaml.safe_load_all(install_yaml()))
    applied = control_plane.admin.apply(documents)
    assert [one["kind"] for one in applied] == [one["kind"] for one in documents]


def test_the_image_is_that_of_this_version() -> None:
    (deployment,) = (one for one in yaml.safe_load_all(install_yaml()) if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"ghcr.io/pollwatch/pollwatch:{__version__}"


def test_the_operators_pod_is_admitted_to_its_namespace_where_pods_are_restricted(
    control_plane: ControlPlane,
) -> None:
    documents = list(yaml.safe_load_all(install_yaml()))
    control_plane.admin.apply(documents)
    (deployment,) = (one for one in documents if one["kind"] == "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    pods = "/api/v1/namespaces/pollwatch-system/pods"

    admitted = control_plane.admin.post(pods, {"metadata": {"name": "operator"}, "spec": spec}, dryRun="All")
    assert admitted["spec"]["serviceAccountName"] == "pollwatch"
    del spec["containers"][0]["securityContext"]
    with pytest.raises(ApiError, match="violates PodSecurity"):
        control_plane.admin.post(pods, {"metadata": {"name": "operator"}, "spec": spec}, dryRun="All")


def test_a_role_grants_what_the_cluster_role_grants() -> None:
    def rules(path: str) -> object:
        return yaml.safe_load((MANIFESTS / "rbac" / path).read_text(encoding="utf-8"))["rules"]

    assert rules("namespaced/role.yaml") == rules("cluster-role.yaml")


def test_the_cluster_role_grants_what_is_asked_for_at_the_start_and_no_more() -> None:
    (role,) = documents_in(MANIFESTS / "rbac" / "cluster-role.yaml")
    granted = {
        (verb, group, resource)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert granted == {
        (right.verb, right.resource.group, "/".join(filter(None, (right.resource.plural, right.subresource))))
        for right in RIGHTS
    }
