"""JSON Schemas of the resources, for editors and pipelines: `docs/schemas/KIND_VERSION.json`.

Made of the same schema as the custom resource definitions, in the dialect that yaml-language-server and
kubeconform read (draft 7). Unknown fields are refused, and of the CEL rules those are kept that JSON
Schema can say; `pollwatch validate` knows all of them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pollwatch.api.group import API_VERSION, VERSION
from pollwatch.api.metadata import Metadata, PoolMetadata
from pollwatch.api.structural import structural_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pollwatch.api.base import Model
    from pollwatch.api.crd import Resource

SITE = "https://pollwatch.dev/schemas"

_KEPT = (
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
)
_NOT_NULL = {"not": {"type": "null"}}


def file_name(resource: Resource) -> str:
    """Name its schema as kubeconform looks for it: `{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`."""
    return f"{resource.kind.lower()}_{VERSION}.json"


def editor_schema(resource: Resource) -> str:
    """Return the JSON Schema of a resource, as text."""
    structural = resource.schema()
    document = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"{SITE}/{file_name(resource)}",
        "title": f"{resource.kind} ({API_VERSION})",
        **_schema(structural),
        "required": ["apiVersion", "kind", "metadata", "spec"],
    }
    properties = document["properties"]
    properties["apiVersion"] |= {"const": API_VERSION}
    properties["kind"] |= {"const": resource.kind}
    properties["metadata"] = _metadata(Metadata if resource.namespaced else PoolMetadata)
    # Written by the operator, and by nobody else.
    properties["status"] = {"description": structural["properties"]["status"]["description"]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _metadata(model: type[Model]) -> dict[str, Any]:
    """Describe `metadata`: what Pollwatch reads of it, and names of all else that Kubernetes knows."""
    schema = _schema(structural_schema(model))
    strings = {"type": ["object", "null"], "additionalProperties": {"type": ["string", "null"]}}
    own = schema["properties"] | {"labels": strings, "annotations": strings}
    return schema | {"properties": {name: own.get(name, {}) for name in model.field_names()}}


def _schema(structural: Mapping[str, Any], *, optional: bool = False) -> dict[str, Any]:
    """Turn one structural schema, and those in it, into JSON Schema."""
    schema = {key: structural[key] for key in _KEPT if key in structural}
    if structural.get("x-kubernetes-int-or-string"):
        schema["type"] = ["integer", "string"]
    if optional and "type" in schema:
        # A field that is null is a field that is not there.
        schema["type"] = [*_listed(schema["type"]), "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    if "pattern" in schema:
        schema["pattern"] = _ecma(schema["pattern"])
    if "properties" in structural:
        required = structural.get("required", ())
        schema["properties"] = {
            name: _schema(inner, optional=name not in required)
            for name, inner in structural["properties"].items()
        }
        schema["additionalProperties"] = bool(structural.get("x-kubernetes-preserve-unknown-fields"))
    if "items" in structural:
        schema["items"] = _schema(structural["items"])
    if "additionalProperties" in structural:
        schema["additionalProperties"] = _schema(structural["additionalProperties"], optional=True)
    if structural.get("x-kubernetes-list-type") == "set":
        schema["uniqueItems"] = True
    if rules := structural.get("x-kubernetes-validations"):
        schema["allOf"] = [said for rule in rules if (said := _rule(rule["rule"], rule["message"]))]
    return {key: value for key, value in schema.items() if value != []}


def _listed(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else names


_MATCHES = r"""self\.matches\(r(["'])((?:(?!\1).)*)\1\)"""
_NAMES = r"self\.all\((\w+), "


def _one_of(match: re.Match[str]) -> dict[str, Any]:
    fields = re.findall(r"has\(self\.(\w+)\)", match[0])
    return {"oneOf": [_set(field) for field in fields]}


def _set(*fields: str) -> dict[str, Any]:
    return {"required": list(fields), "properties": dict.fromkeys(fields, _NOT_NULL)}


def _texts(listed: str) -> list[str]:
    return re.findall(r"'([^']*)'", listed)


_RULES: tuple[tuple[str, Callable[[re.Match[str]], dict[str, Any]]], ...] = (
    (_MATCHES, lambda match: {"pattern": _ecma(match[2])}),
    (rf"!{_MATCHES}", lambda match: {"not": {"type": "string", "pattern": _ecma(match[2])}}),
    (
        rf"!{_MATCHES} \|\| self\.matches\(r([\"'])((?:(?!\3).)*)\3\)",
        lambda match: {
            "if": {"type": "string", "pattern": _ecma(match[2])},
            "then": {"pattern": _ecma(match[4])},
        },
    ),
    (r"\[has\(self\.\w+\)(?:, has\(self\.\w+\))*\]\.exists_one\(set, set\)", _one_of),
    (r"!has\(self\.(\w+)\) \|\| !has\(self\.(\w+)\)", lambda match: {"not": _set(match[1], match[2])}),
    (
        r"!has\(self\.(\w+)\) \|\| has\(self\.(\w+)\)",
        lambda match: {"if": _set(match[1]), "then": _set(match[2])},
    ),
    (
        rf"{_NAMES}\1\.matches\(r?'([^']*)'\)(?: && !\1\.startsWith\('([^']*)'\))?\)",
        lambda match: {
            "propertyNames": {"pattern": _ecma(match[2])}
            | ({"not": {"pattern": f"^{re.escape(match[3])}"}} if match[3] else {})
        },
    ),
    (
        rf"{_NAMES}!\(\1 in \[([^\]]*)\]\)\)",
        lambda match: {"propertyNames": {"not": {"enum": _texts(match[2])}}},
    ),
)
"""Forms of CEL rules, and the same in JSON Schema."""


def _rule(cel: str, message: str) -> dict[str, Any]:
    """Say a CEL rule in JSON Schema; empty where it cannot be said, or not shortly.

    `patternErrorMessage` is what yaml-language-server shows in place of the regular expression.
    """
    for form, say in _RULES:
        if match := re.fullmatch(form, cel):
            said = say(match)
            for part in (said, said.get("then", {})):
                if "pattern" in part:
                    part["patternErrorMessage"] = message
            return said
    return {}


def _ecma(regex: str) -> str:
    r"""Spell a regular expression of RE2 as ECMAScript does: no `(?i:...)`, and `\u0080` for `\x{80}`."""
    either = re.compile(r"\(\?i:([^()]*)\)")
    regex = either.sub(lambda match: f"(?:{_any_case(match[1])})", regex)
    return re.sub(r"\\x\{([0-9a-f]+)\}", lambda match: f"\\u{int(match[1], 16):04x}", regex)


def _any_case(text: str) -> str:
    return re.sub("[A-Za-z]", lambda letter: f"[{letter[0].upper()}{letter[0].lower()}]", text)
