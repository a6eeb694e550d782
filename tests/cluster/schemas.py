"""JSON schemas of Kubernetes objects as kubeconform looks for them: strict, one file for each kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Schema = dict[str, Any]

SCHEMA_PATH = "{{ .NormalizedKubernetesVersion }}/{{ .ResourceKind }}{{ .KindSuffix }}.json"
"""Where kubeconform finds a schema in a folder of folders that `write` has filled, one a version."""

_REFERENCE = "#/definitions/"
# What a schema says to people, to the API server alone, or in the words of OpenAPI alone.
_NOT_JSON_SCHEMA = ("description", "default", "example", "externalDocs", "format", "title", "nullable")
_NULL: Schema = {"type": "null"}
_INT_OR_STRING: Schema = {"type": ["integer", "string"]}
# Types that Go reads from more than their definition says.
_OF_SEVERAL_TYPES: Mapping[str, Schema] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _INT_OR_STRING,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["number", "string"]},
}


def schemas_of_openapi(document: Mapping[str, Any]) -> Iterator[tuple[str, Schema]]:
    """The schemas in the OpenAPI 2 document that a release of Kubernetes carries.

    As the API server does, they take a null for a field that need not be there; as `kubectl
    --validate=strict` does, they refuse a field that is not known.

    Args:
        document: `api/openapi-spec/swagger.json`.

    Yields:
        For each kind its file name and its schema, which refers to nothing outside itself.
    """
    definitions = {name: _of_definition(name, each) for name, each in document["definitions"].items()}
    for name, source in document["definitions"].items():
        identities = source.get("x-kubernetes-group-version-kind", [])
        # What belongs to every group, such as DeleteOptions, is in no manifest.
        if len(identities) != 1:
            continue
        (identity,) = identities
        reached = _reached_from(name, definitions)
        yield (
            _file_name(**identity),
            {
                **_identified(definitions[name], **identity),
                "definitions": {each: definitions[each] for each in sorted(reached)},
            },
        )


def schemas_of_crds(documents: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Schema]]:
    """The schemas of the served versions of CustomResourceDefinitions, as `schemas_of_openapi` has them."""
    for document in documents:
        if document["kind"] != "CustomResourceDefinition":
            continue
        spec = document["spec"]
        for version in spec["versions"]:
            if version["served"]:
                identity = {
                    "group": spec["group"],
                    "version": version["name"],
                    "kind": spec["names"]["kind"],
                }
                schema = _strict(version["schema"]["openAPIV3Schema"])
                yield _file_name(**identity), _identified(schema, **identity)


def write(folder: Path, schemas: Iterable[tuple[str, Schema]]) -> None:
    """Write each schema into a folder, under its file name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas:
        (folder / name).write_text(json.dumps(schema), encoding="utf-8")


def _file_name(*, group: str, version: str, kind: str) -> str:
    parts = [kind, *([group.partition(".")[0]] if group else []), version]
    return "-".join(parts).lower() + ".json"


def _identified(schema: Schema, *, group: str, version: str, kind: str) -> Schema:
    api_version = f"{group}/{version}" if group else version
    properties = {
        # A custom resource's own schema says no more of it; a built-in one refers to ObjectMeta.
        "metadata": {"type": "object"},
        **schema.get("properties", {}),
        "apiVersion": {"const": api_version},
        "kind": {"const": kind},
    }
    return {**schema, "properties": properties, "required": sorted({*schema.get("required", ()), "kind"})}


def _of_definition(name: str, definition: Mapping[str, Any]) -> Schema:
    return dict(_OF_SEVERAL_TYPES.get(name) or _strict(definition, optional_may_be_null=True))


def _strict(schema: Mapping[str, Any], *, optional_may_be_null: bool = False) -> Schema:
    """A schema that refuses fields it does not name, in the words of JSON Schema alone."""
    if schema.get("x-kubernetes-int-or-string"):
        return _INT_OR_STRING
    converted: Schema = {
        key: value
        for key, value in schema.items()
        if key not in _NOT_JSON_SCHEMA and not key.startswith("x-kubernetes-")
    }
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            converted[key] = _strict(schema[key], optional_may_be_null=optional_may_be_null)
    if "properties" in schema:
        required = schema.get("required", ())
        converted["properties"] = {
            name: _or_null(each, wanted=optional_may_be_null and name not in required)
            for name, each in (
                (name, _strict(value, optional_may_be_null=optional_may_be_null))
                for name, value in schema["properties"].items()
            )
        }
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            converted.setdefault("additionalProperties", False)
    return _or_null(converted, wanted=bool(schema.get("nullable")))


def _or_null(schema: Schema, *, wanted: bool) -> Schema:
    return {"anyOf": [schema, _NULL]} if wanted else schema


def _reached_from(name: str, definitions: Mapping[str, Schema]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for reference in _references(definitions[waiting.pop()]):
            if reference not in found:
                found.add(reference)
                waiting.append(reference)
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        reference = schema.get("$ref")
        # A property may be called $ref, too.
        if isinstance(reference, str):
            yield reference.removeprefix(_REFERENCE)
        schema = list(schema.values())
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
