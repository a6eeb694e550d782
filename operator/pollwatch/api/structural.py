"""From a model to a structural schema: the subset of OpenAPI v3 that custom resources are made of.

Kubernetes has no references, no `null` beside a type and no titles; a field that is not set
is absent. What pydantic writes for other readers is brought into that form.
"""

from collections.abc import Mapping
from typing import Any

from pollwatch.api.base import Model

_ORDER = (
    "description",
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "default",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)
"""The keys that are kept, in the order in which a person reads them."""

_DROPPED = frozenset({"title", "$defs"})

_NULL = {"type": "null"}


def structural_schema(model: type[Model]) -> dict[str, Any]:
    """Return the schema of a model, whole and without references."""
    document = model.model_json_schema(by_alias=True, mode="validation")
    return _structural(document, document.get("$defs", {}))


def _structural(document: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Bring one schema, and those within it, into structural form.

    Raises:
        ValueError: It says something that a structural schema cannot say.
    """
    schema = _resolved(document, definitions)
    if unknown := schema.keys() - _DROPPED - set(_ORDER):
        raise ValueError(f"a structural schema has no {', '.join(sorted(unknown))}: {schema}")
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if "properties" in schema:
        schema["properties"] = {
            name: _structural(field, definitions) for name, field in schema["properties"].items()
        }
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            schema[inner] = _structural(schema[inner], definitions)
    if "default" in schema:
        _set_default(schema)
    return {key: schema[key] for key in _ORDER if key in schema}


def _resolved(document: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Put references in place, and read "a type or null" as that type, which may be absent.

    What is said of a field (its description) wins over what is said of its type.
    """
    schema = dict(document)
    if "anyOf" in schema:
        (alternative,) = (one for one in schema.pop("anyOf") if one != _NULL)
        schema = _resolved(alternative, definitions) | schema
    if "$ref" in schema:
        definition = definitions[schema.pop("$ref").removeprefix("#/$defs/")]
        schema = _resolved(definition, definitions) | schema
    return schema


def _set_default(schema: dict[str, Any]) -> None:
    """Keep a default that says something; an object's is empty, and its fields' defaults fill it."""
    if schema["default"] in (None, "", []):
        del schema["default"]
    elif schema["type"] == "object":
        schema["default"] = {}
