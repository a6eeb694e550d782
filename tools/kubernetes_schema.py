"""Objects of Kubernetes as JSON Schema, so that a misspelt field within a value of the chart is refused.

Made of the models of the published client, which name every field and its type. What may be left
out, and which words are allowed, they do not say: the API server does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kubernetes.client import models

from pollwatch.api.label_selector import LABEL_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SCALARS: Mapping[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    # So the client has what is a number or a name, as a port.
    "object": {"type": ["integer", "string"]},
}


def _mapping(keys: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "patternProperties": {keys: values}, "additionalProperties": False}


_OTHERS: Mapping[str, dict[str, Any]] = {
    "Annotations": _mapping(LABEL_KEY, {"type": "string"}),
    "Labels": _mapping(LABEL_KEY, {"type": "string", "maxLength": 63}),
    # Of Prometheus Operator, as in a ServiceMonitor.
    "RelabelConfig": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "sourceLabels": {"type": "array", "items": {"type": "string"}},
            "separator": {"type": "string"},
            "targetLabel": {"type": "string"},
            "regex": {"type": "string"},
            "modulus": {"type": "integer"},
            "replacement": {"type": "string"},
            "action": {"type": "string"},
        },
    },
}
"""What the client has no model of."""

_MAPPING = re.compile(r"[Dd]ict\[str, (?P<values>\w+)\]")
_LIST = re.compile(r"[Ll]ist\[(?P<items>.+)\]")


def definitions(names: Iterable[str]) -> dict[str, Any]:
    """Return the schemas of some models, and of all that they hold, by name.

    Args:
        names: as the client calls them: `V1Affinity`; or one of `Labels`, `Annotations`, `RelabelConfig`.

    Raises:
        ValueError: the client has no such model.
    """
    found: dict[str, Any] = {}
    left = sorted(names)
    while left:
        name = left.pop()
        if name not in found:
            found[name] = _OTHERS.get(name) or _object(name)
            left += re.findall(r"#/definitions/(\w+)", str(found[name]))
    return dict(sorted(found.items()))


def _object(name: str) -> dict[str, Any]:
    model = getattr(models, name, None)
    if model is None:
        raise ValueError(f"the client of Kubernetes has no {name}")
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            model.attribute_map[attribute]: _schema(kind) for attribute, kind in model.openapi_types.items()
        },
    }


def _schema(kind: str) -> dict[str, Any]:
    """Return what a type means, as the client writes it: `Dict[str, str]`, `List[V1Sysctl]`."""
    if mapping := _MAPPING.fullmatch(kind):
        return {"type": "object", "additionalProperties": _schema(mapping["values"])}
    if several := _LIST.fullmatch(kind):
        return {"type": "array", "items": _schema(several["items"])}
    return _SCALARS.get(kind) or {"$ref": f"#/definitions/{kind}"}
