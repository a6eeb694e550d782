from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from tests.cluster.apiclient import ApiError, JsonObject, documents_in
from tests.cluster.crds import establish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.apiclient import ApiClient
    from tests.cluster.controlplane import ControlPlane

LIGHTHOUSES = "/apis/tests.pollwatch.dev/v1/namespaces/{}/lighthouses"


def lighthouse_crd() -> JsonObject:
    """A definition with a bounded field and a CEL rule."""
    properties: dict[str, Any] = {
        "heightMetres": {"type": "integer", "minimum": 1},
        "lit": {"type": "boolean"},
    }
    spec = {
        "type": "object",
        "properties": properties,
        "x-kubernetes-validations": [
            {"rule": "!self.lit || self.heightMetres > 5", "message": "a lit lighthouse must be above 5 m"}
        ],
        "required": ["heightMetres", "lit"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "lighthouses.tests.pollwatch.dev"},
        "spec": {
            "group": "tests.pollwatch.dev",
            "scope": "Namespaced",
            "names": {"kind": "Lighthouse", "plural": "lighthouses", "singular": "lighthouse"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
                }
            ],
        },
    }


def lighthouse(name: str, **spec: Any) -> JsonObject:
    return {
        "apiVersion": "tests.pollwatch.dev/v1",
        "kind": "Lighthouse",
        "metadata": {"name": name},
        "spec": {"heightMetres": 12, "lit": True, **spec},
    }


@pytest.fixture
def admin(control_plane: ControlPlane) -> ApiClient:
    return control_plane.admin


@pytest.fixture(scope="module")
def lighthouses(control_plane: ControlPlane) -> Iterator[None]:
    establish(control_plane.admin, [lighthouse_crd()])
    yield
    control_plane.admin.delete(control_plane.admin.path_of(lighthouse_crd()))


def test_the_api_server_says_which_version_it_is(admin: ApiClient) -> None:
    version = admin.get("/version")

    assert version["gitVersion"].startswith(f"v{version['major']}.{version['minor']}.")


def test_each_test_has_an_empty_namespace(admin: ApiClient, namespace: str) -> None:
    assert admin.get(f"/api/v1/namespaces/{namespace}")["status"]["phase"] == "Active"
    assert admin.get(f"/api/v1/namespaces/{namespace}/configmaps")["items"] == []


def test_a_token_without_rights_is_denied_and_one_with_a_role_is_let_in(
    control_plane: ControlPlane, namespace: str
) -> None:
    role = yaml.safe_load_all("""
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader}]
""")
    control_plane.admin.apply(role, namespace=namespace)
    reader = control_plane.client(control_plane.service_account_token(namespace, "reader"))
    try:
        assert reader.get(f"/api/v1/namespaces/{namespace}/configmaps")["items"] == []
        with pytest.raises(ApiError) as denied:
            reader.get(f"/api/v1/namespaces/{namespace}/secrets")
    finally:
        reader.close()

    assert (denied.value.status, denied.value.reason) == (403, "Forbidden")
    assert f"system:serviceaccount:{namespace}:reader" in denied.value.message


def test_a_token_that_nobody_issued_is_refused(control_plane: ControlPlane) -> None:
    stranger = control_plane.client("made-up")
    try:
        with pytest.raises(ApiError) as refused:
            stranger.get("/api/v1/namespaces")
    finally:
        stranger.close()

    assert refused.value.status == 401


@pytest.mark.usefixtures("lighthouses")
def test_objects_of_an_established_definition_are_stored(admin: ApiClient, namespace: str) -> None:
    (made,) = admin.apply([lighthouse("louisbourg")], namespace=namespace)

    assert made["metadata"]["namespace"] == namespace
    assert [item["spec"] for item in admin.get(LIGHTHOUSES.format(namespace))["items"]] == [made["spec"]]


@pytest.mark.usefixtures("lighthouses")
@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"heightMeters": 12}, 'unknown field "spec.heightMeters"'),
        ({"heightMetres": 0}, "spec.heightMetres: Invalid value: 0"),
        ({"heightMetres": 3}, "a lit lighthouse must be above 5 m"),
    ],
)
def test_an_object_that_breaks_the_schema_is_refused_with_the_reason(
    admin: ApiClient, namespace: str, spec: dict[str, int], complaint: str
) -> None:
    with pytest.raises(ApiError) as refused:
        admin.post(LIGHTHOUSES.format(namespace), lighthouse("bad", **spec), fieldValidation="Strict")

    assert refused.value.status in {400, 422}
    assert complaint in refused.value.message


@pytest.mark.usefixtures("lighthouses")
def test_an_unknown_field_is_refused_when_applied_unless_that_is_ignored(
    admin: ApiClient, namespace: str
) -> None:
    typo = lighthouse("typo", heightMeters=12)

    with pytest.raises(ApiError, match=r"\.spec\.heightMeters: field not declared in schema"):
        admin.apply([typo], namespace=namespace)


def test_a_kind_that_is_not_served_is_named(admin: ApiClient) -> None:
    nothing = {"apiVersion": "v1", "kind": "Nothing", "metadata": {"name": "x"}}
    with pytest.raises(LookupError, match="/api/v1 serves no Nothing"):
        admin.apply([nothing])


def test_the_api_server_comes_back_at_its_address_with_its_data(
    control_plane: ControlPlane, namespace: str
) -> None:
    url, path = control_plane.url, f"/api/v1/namespaces/{namespace}/configmaps"
    control_plane.admin.post(path, {"metadata": {"name": "kept"}, "data": {"a": "1"}})

    with control_plane.api_server_outage(), pytest.raises(httpx.ConnectError):
        control_plane.admin.get(path)

    assert control_plane.url == url
    assert control_plane.admin.get(f"{path}/kept")["data"] == {"a": "1"}


def test_a_watch_from_before_a_compaction_and_a_restart_is_gone(
    control_plane: ControlPlane, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    before = control_plane.admin.get(path)["metadata"]["resourceVersion"]
    for number in range(3):
        control_plane.admin.post(path, {"metadata": {"name": f"later-{number}"}})

    assert control_plane.compact() > int(before)
    with control_plane.api_server_outage():
        pass
    answer = control_plane.admin.get(path, watch="true", resourceVersion=before, timeoutSeconds=5)

    assert (answer["type"], answer["object"]["code"]) == ("ERROR", 410)


def test_a_kubeconfig_is_all_that_a_client_needs(control_plane: ControlPlane) -> None:
    config = yaml.safe_load(control_plane.kubeconfig(namespace="public-sites").read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
    with httpx.Client(base_url=cluster["server"], verify=tls, trust_env=False) as http:
        answer = http.get("/api/v1/namespaces", headers={"Authorization": f"Bearer {user['token']}"})

    assert answer.status_code == 200
    assert config["contexts"][0]["context"]["namespace"] == "public-sites"


def test_documents_of_a_folder_come_in_the_order_of_their_files(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("{n: 3}\n")
    (tmp_path / "a.yaml").write_text("{n: 1}\n---\n---\n{n: 2}\n")

    assert [each["n"] for each in documents_in(tmp_path)] == [1, 2, 3]
