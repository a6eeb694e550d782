"""The custom resource definition: made from the models, and taken by a real API server."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pollwatch.api.check import parse_check
from pollwatch.api.crd import Resource, crd_yaml
from pollwatch.api.resources import RESOURCES
from tests.api.documents import check_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.controlplane import ControlPlane

API = "/apis/pollwatch.dev/v1alpha1"
CRDS = Path(__file__).parents[2] / "manifests" / "crds"

of_each_resource = pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)


@of_each_resource
def test_the_committed_definition_is_what_the_models_say(resource: Resource) -> None:
    committed = CRDS / f"pollwatch.dev_{resource.plural}.yaml"

    assert committed.read_text(encoding="utf-8") == crd_yaml(resource), (
        f"{committed.name} is stale: run `make generate`"
    )


@of_each_resource
def test_the_api_server_finds_nothing_wrong_with_the_schema(
    control_plane: ControlPlane, resource: Resource
) -> None:
    crd = control_plane.admin.get(
        f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{resource.plural}.pollwatch.dev"
    )
    conditions = {each["type"]: each for each in crd["status"]["conditions"]}

    assert conditions["NamesAccepted"]["status"] == "True"
    assert "NonStructuralSchema" not in conditions


@of_each_resource
def test_each_field_is_described(resource: Resource) -> None:
    undescribed = [path for path, schema in fields_of(resource.schema()) if not schema.get("description")]

    assert undescribed == ["metadata"]


@of_each_resource
def test_strings_lists_and_mappings_that_a_user_writes_are_bounded(resource: Resource) -> None:
    limits = {"string": "maxLength", "array": "maxItems"}
    unbounded = [
        path
        for path, schema in fields_of(resource.schema()["properties"]["spec"], "spec")
        if "enum" not in schema and schema["type"] in limits and limits[schema["type"]] not in schema
    ]

    assert unbounded == []


@of_each_resource
def test_each_list_says_how_it_is_merged(resource: Resource) -> None:
    lists = [schema for _, schema in fields_of(resource.schema()) if schema["type"] == "array"]

    assert lists
    assert all("x-kubernetes-list-type" in schema for schema in lists)


@of_each_resource
def test_nothing_is_left_that_only_pydantic_says(resource: Resource) -> None:
    written = crd_yaml(resource)

    for artefact in ("anyOf", "$ref", "title:", "default: null", "additionalProperties: false"):
        assert artefact not in written


def test_checks_can_be_selected_by_their_verdict(control_plane: ControlPlane, namespace: str) -> None:
    checks = f"{API}/namespaces/{namespace}/checks"
    for name, verdict in (("well", "Up"), ("ill", "Down")):
        document = check_document()
        document["metadata"] = {"name": name}
        control_plane.admin.post(checks, document)
        control_plane.admin.patch(f"{checks}/{name}/status", {"status": {"verdict": verdict}})

    down = control_plane.admin.get(checks, fieldSelector="status.verdict=Down")
    assert [check["metadata"]["name"] for check in down["items"]] == ["ill"]


def test_checks_have_a_short_name_and_are_in_the_category_pollwatch(control_plane: ControlPlane) -> None:
    known = {each["name"]: each for each in control_plane.admin.get(API)["resources"]}

    assert known["checks"]["namespaced"]
    assert known["checks"]["shortNames"] == ["chk"]
    assert known["checks"]["categories"] == ["pollwatch"]
    assert "checks/status" in known


def test_kubectl_get_shows_verdict_targets_and_since_when_and_address_and_reason_when_asked_for_more(
    control_plane: ControlPlane, namespace: str
) -> None:
    checks = f"{API}/namespaces/{namespace}/checks"
    document = check_document()
    document["metadata"] = {"name": "front-page"}
    control_plane.admin.post(checks, document)
    status = {
        "verdict": "Degraded",
        "lastTransitionTime": "2016-11-09T01:00:00Z",
        "targets": {"total": 3, "up": 2, "summary": "2/3"},
        "address": "192.0.2.7",
        "reason": "UnexpectedStatus",
    }
    control_plane.admin.patch(f"{checks}/front-page/status", {"status": status})

    table = as_kubectl_gets_it(control_plane, checks)
    columns = [(column["name"], column["priority"]) for column in table["columnDefinitions"]]
    assert columns == [
        ("Name", 0),
        ("Verdict", 0),
        ("Targets", 0),
        ("Since", 0),
        ("Age", 0),
        ("Address", 1),
        ("Reason", 1),
    ]
    (row,) = table["rows"]
    shown = dict(zip([name for name, _ in columns], row["cells"], strict=True))
    assert (shown["Name"], shown["Verdict"], shown["Targets"]) == ("front-page", "Degraded", "2/3")
    assert (shown["Address"], shown["Reason"]) == ("192.0.2.7", "UnexpectedStatus")
    assert shown["Since"].endswith("y")  # years: the API server counts from the time in the status


def test_the_api_server_fills_in_the_defaults_that_we_fill_in(
    control_plane: ControlPlane, namespace: str
) -> None:
    checks = f"{API}/namespaces/{namespace}/checks"
    document = check_document(tcp=None, http={"url": "https://www.example.org/", "tls": {}})
    document["metadata"]["namespace"] = namespace
    stored = control_plane.admin.post(checks, document)

    assert stored["spec"]["http"]["expect"] == {"statuses": ["2xx"], "maxBodyBytes": 1048576}
    assert parse_check(stored).spec == parse_check(document).spec


def as_kubectl_gets_it(control_plane: ControlPlane, path: str) -> dict[str, Any]:
    """The table that `kubectl get` prints."""
    answer = httpx.get(
        f"{control_plane.url}{path}",
        headers={
            "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io",
            "Authorization": f"Bearer {control_plane.admin_token}",
        },
        verify=ssl.create_default_context(cafile=control_plane.ca_file),
        trust_env=False,
    )
    table: dict[str, Any] = answer.raise_for_status().json()
    return table


def fields_of(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All fields below a schema, with their paths."""
    for name, field in schema.get("properties", {}).items():
        below = f"{path}.{name}".removeprefix(".")
        yield below, field
        yield from fields_of(field, below)
        yield from fields_of(field.get("items", {}), f"{below}[]")
