"""Objects of Kubernetes as JSON Schema: whatever the client knows of them, and nothing else."""

import pytest
from jsonschema import Draft7Validator

from tools.kubernetes_schema import definitions


def problems(name: str, document: object) -> list[str]:
    schema = {"$ref": f"#/definitions/{name}", "definitions": definitions([name])}
    Draft7Validator.check_schema(schema)
    return [error.json_path for error in Draft7Validator(schema).iter_errors(document)]


def test_what_an_object_holds_is_known_down_to_its_leaves() -> None:
    term = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    }

    assert problems("V1Affinity", affinity) == []
    term["matchExpressions"][0]["vlues"] = ["b"]
    assert problems("V1Affinity", affinity) == [
        "$.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0]"
    ]


def test_a_port_is_a_number_or_a_name() -> None:
    assert problems("V1NetworkPolicyPort", {"port": 53}) == []
    assert problems("V1NetworkPolicyPort", {"port": "dns"}) == []
    assert problems("V1NetworkPolicyPort", {"port": [53]}) == ["$.port"]


def test_keys_of_labels_are_what_the_api_server_takes() -> None:
    assert problems("Labels", {"example.org/team": "web"}) == []
    assert problems("Labels", {"a b": "web"}) == ["$"]


def test_an_object_that_there_is_not_is_said_when_the_schema_is_made() -> None:
    with pytest.raises(ValueError, match="no V1Afinity"):
        definitions(["V1Afinity"])
