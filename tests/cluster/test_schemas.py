"""Schemas for kubeconform: what the API server would refuse, they refuse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster import schemas
from tests.cluster.kubeconform import Kubeconform
from tests.cluster.sources import KUBERNETES

if TYPE_CHECKING:
    from pathlib import Path

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "site", "creationTimestamp": None},
    "spec": {
        "selector": {"matchLabels": {"app": "site"}},
        "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}},
        "template": {
            "metadata": {"labels": {"app": "site"}},
            "spec": {
                "containers": [
                    {"name": "site", "resources": {"limits": {"cpu": 1, "memory": "64Mi"}}},
                ]
            },
        },
    },
}


def with_spec(document: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {**document, "spec": {**document["spec"], **spec}}


@pytest.mark.parametrize("version", KUBERNETES)
def test_an_object_of_kubernetes_is_held_against_the_schema_of_each_version(
    kubeconform: Kubeconform, version: str
) -> None:
    assert kubeconform.problems(json.dumps(DEPLOYMENT), version=version) == []

    (wrong_type,) = kubeconform.problems(json.dumps(with_spec(DEPLOYMENT, replicas="two")), version=version)
    (unknown,) = kubeconform.problems(json.dumps(with_spec(DEPLOYMENT, replica=2)), version=version)

    assert "replicas" in wrong_type
    assert "'replica' not allowed" in unknown


def test_a_custom_resource_of_another_operator_is_held_against_its_crd(kubeconform: Kubeconform) -> None:
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "lamps"},
        "spec": {"groups": [{"name": "lamps", "rules": [{"alert": "LampIsOut", "expr": "lamp == 0"}]}]},
    }
    assert kubeconform.problems(json.dumps(rule), version="1.35.4") == []

    (problem,) = kubeconform.problems(
        json.dumps(with_spec(rule, groups=[{"name": "lamps", "rule": []}])), version="1.35.4"
    )

    assert "'rule' not allowed" in problem


def test_a_kind_without_a_schema_is_a_problem_and_not_passed_over(kubeconform: Kubeconform) -> None:
    lamp = {"apiVersion": "example.org/v1", "kind": "Lamp", "metadata": {"name": "louisbourg"}}

    (problem,) = kubeconform.problems(json.dumps(lamp), version="1.35.4")

    assert "could not find schema for Lamp" in problem


def test_schemas_of_ones_own_custom_resources_can_be_added(kubeconform: Kubeconform, tmp_path: Path) -> None:
    lamps = {
        "kind": "CustomResourceDefinition",
        "spec": {
            "group": "example.org",
            "names": {"kind": "Lamp"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": {
                                    "type": "object",
                                    "properties": {"watts": {"x-kubernetes-int-or-string": True}},
                                }
                            },
                        }
                    },
                }
            ],
        },
    }
    schemas.write(tmp_path, schemas.schemas_of_crds([lamps]))
    with_lamps = Kubeconform(binary=kubeconform.binary, schemas=kubeconform.schemas, own=tmp_path)
    lamp = {"apiVersion": "example.org/v1", "kind": "Lamp", "metadata": {"name": "louisbourg"}}

    assert with_lamps.problems(json.dumps({**lamp, "spec": {"watts": 60}}), version="1.35.4") == []
    (problem,) = with_lamps.problems(json.dumps({**lamp, "spec": {"watts": 60.5}}), version="1.35.4")
    assert "watts" in problem
