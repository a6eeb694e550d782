"""The custom resource definition: made from the models, and taken by a real API server."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pollwatch.api.check import parse_check
from pollwatch.api.crd import Resource, crd_yaml
from pollwatch.api.pool import parse_pool
from pollwatch.api.resources import RESOURCES
from tests.api.documents import check_document, pool_document
from tests.cluster.apiclient import ApiError

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


def test_kubectl_get_shows_verdict_targets_and_since_when_and_all_reasons_when_asked_for_more(
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
        "conditions": [
            {
                "type": kind,
                "status": "False",
                "reason": reason,
                "message": "no",
                "lastTransitionTime": "2016-11-09T01:00:00Z",
            }
            for kind, reason in (("Accepted", "SecretNotFound"), ("Ready", "NotAccepted"))
        ],
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
        ("Accepted", 1),
        ("Ready", 1),
    ]
    (row,) = table["rows"]
    shown = dict(zip([name for name, _ in columns], row["cells"], strict=True))
    assert (shown["Name"], shown["Verdict"], shown["Targets"]) == ("front-page", "Degraded", "2/3")
    assert (shown["Address"], shown["Reason"]) == ("192.0.2.7", "UnexpectedStatus")
    assert (shown["Accepted"], shown["Ready"]) == ("SecretNotFound", "NotAccepted")
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


@pytest.fixture
def pool(control_plane: ControlPlane) -> Iterator[str]:
    """The path of a pool of two workers; a pool is in no namespace, so it is deleted in the end."""
    document = pool_document(replicas=2)
    document["metadata"] = {"generateName": "test-"}
    made = control_plane.admin.post(f"{API}/probepools", document)
    path = f"{API}/probepools/{made['metadata']['name']}"
    yield path
    control_plane.admin.delete(path)


def test_pools_are_in_no_namespace_and_have_a_short_name_and_a_scale(control_plane: ControlPlane) -> None:
    known = {each["name"]: each for each in control_plane.admin.get(API)["resources"]}

    assert not known["probepools"]["namespaced"]
    assert known["probepools"]["shortNames"] == ["pp"]
    assert known["probepools"]["categories"] == ["pollwatch"]
    assert {"probepools/status", "probepools/scale"} <= known.keys()


def test_kubectl_get_shows_what_an_on_call_person_asks_of_a_pool(
    control_plane: ControlPlane, pool: str
) -> None:
    def condition(kind: str, status: str, reason: str) -> dict[str, str]:
        time = "2016-11-09T01:00:00Z"
        return {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": f"{reason}.",
            "lastTransitionTime": time,
        }

    status = {
        "summary": "1/2",
        "checks": 10,
        "targets": 30,
        "probesPerSecond": 3,
        "utilisationPercent": 12,
        "latenessMilliseconds": 4,
        "reason": "Unschedulable",
        "message": "No node takes pod probepool-east-1-0: 3 Insufficient cpu. Add nodes or ask for less.",
        "conditions": [
            condition("Accepted", "True", "Accepted"),
            condition("Ready", "False", "Unschedulable"),
            condition("Delivered", "True", "Delivered"),
            condition("FeedIntact", "True", "Intact"),
        ],
    }
    control_plane.admin.patch(f"{pool}/status", {"status": status})

    table = as_kubectl_gets_it(control_plane, pool)
    columns = [(column["name"], column["priority"]) for column in table["columnDefinitions"]]
    (row,) = table["rows"]
    shown = dict(zip([name for name, _ in columns], row["cells"], strict=True))
    at_a_glance = {name: shown[name] for name, priority in columns if priority == 0}
    assert at_a_glance | {"Name": "", "Age": ""} == {
        "Name": "",
        "Ready": "False",
        "Replicas": "1/2",
        "Reason": "Unschedulable",
        "Checks": 10,
        "Targets": 30,
        "Probes/s": 3,
        "Util%": 12,
        "Late-ms": 4,
        "Age": "",
    }
    assert {name: shown[name] for name, priority in columns if priority == 1} == {
        "Delivered": "True",
        "Message": status["message"],
    }


def test_kubectl_scale_sets_the_number_of_workers(control_plane: ControlPlane, pool: str) -> None:
    control_plane.admin.patch(f"{pool}/scale", {"spec": {"replicas": 5}})

    assert control_plane.admin.get(pool)["spec"]["replicas"] == 5


def test_a_pool_that_sizes_itself_cannot_be_scaled_by_hand(control_plane: ControlPlane, pool: str) -> None:
    control_plane.admin.patch(pool, {"spec": {"replicas": None, "autosize": {"max": 4}}})

    with pytest.raises(ApiError, match="replicas and autosize must not both be set"):
        control_plane.admin.patch(f"{pool}/scale", {"spec": {"replicas": 5}})


def test_the_api_server_fills_in_the_defaults_of_a_pool_that_we_fill_in(control_plane: ControlPlane) -> None:
    document = pool_document()
    stored = control_plane.admin.post(f"{API}/probepools", document, dryRun="All")

    assert stored["spec"] == {"egress": {"default": "Allow"}, "maxProbesPerSecondPerHost": 50, "template": {}}
    assert parse_pool(stored).spec == parse_pool(document).spec


def test_a_pool_as_large_as_it_may_be_is_judged_within_what_the_api_server_spends_on_rules(
    control_plane: ControlPlane,
) -> None:
    rules = [
        {
            "cidrs": [f"2001:db8:{rule:x}:{number:x}::/64" for number in range(32)],
            "ports": [f"{10000 + number}-{20000 + number}" for number in range(32)],
            "hosts": [f"*.{'.'.join(['label' * 12] * 4)}.n{number}" for number in range(32)],
        }
        for rule in range(32)
    ]
    expressions = [
        {
            "key": f"{'k' * 250}/{'k' * 61}{number:02}",
            "operator": "In",
            "values": [f"v{n}" for n in range(64)],
        }
        for number in range(16)
    ]
    labels = {f"{'l' * 250}/{'l' * 61}{number:02}": "v" * 63 for number in range(32)}
    document = pool_document(
        egress={"allow": rules, "deny": rules},
        allowedNamespaces={"matchLabels": labels, "matchExpressions": expressions},
        template={
            "labels": labels,
            "annotations": labels,
            "nodeSelector": labels,
            "env": [{"name": f"{'E' * 126}{number:02}", "value": "v" * 4096} for number in range(32)],
        },
    )

    taken = control_plane.admin.post(f"{API}/probepools", document, dryRun="All", fieldValidation="Strict")
    assert parse_pool(taken).spec == parse_pool(document).spec


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
