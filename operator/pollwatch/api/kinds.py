"""Which of the objects in a file are ours to read, and which are spelled as if they were meant to be."""

import difflib
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from pollwatch.api.check import KIND as CHECK
from pollwatch.api.group import API_VERSION, GROUP
from pollwatch.api.pool import KIND as PROBE_POOL
from pollwatch.api.problems import Invalid, Problem

_CLOSE = 0.75
"""Likeness from which on a group is taken for a misspelt one."""


class Kind(Enum):
    """What an object is to us."""

    CHECK = auto()
    PROBE_POOL = auto()
    SECRET = auto()
    CONFIG_MAP = auto()
    LIST = auto()
    """Holds other objects in `items`, as `kubectl get -o yaml` writes them."""
    OTHER = auto()
    """Of another group: none of our business."""


_FIELDS_OF_OBJECTS = frozenset({"apiVersion", "kind", "metadata", "spec"})

_KINDS = {
    (API_VERSION, CHECK): Kind.CHECK,
    (API_VERSION, PROBE_POOL): Kind.PROBE_POOL,
    (API_VERSION, f"{CHECK}List"): Kind.LIST,
    (API_VERSION, f"{PROBE_POOL}List"): Kind.LIST,
    ("v1", "Secret"): Kind.SECRET,
    ("v1", "ConfigMap"): Kind.CONFIG_MAP,
    ("v1", "List"): Kind.LIST,
}


def kind_of(document: Mapping[str, Any]) -> Kind:
    """Tell what an object is; YAML that has nothing of a Kubernetes object is `OTHER`.

    Raises:
        Invalid: It lacks what every Kubernetes object has, or is none that our group has.
    """
    api_version, kind = document.get("apiVersion"), document.get("kind")
    if not document.keys() & _FIELDS_OF_OBJECTS:
        return Kind.OTHER
    if not isinstance(api_version, str) or not isinstance(kind, str):
        raise Invalid(
            Problem(path=name, message=f"required field is missing, such as {example}")
            for name, example in (("apiVersion", API_VERSION), ("kind", CHECK))
            if not isinstance(document.get(name), str)
        )
    known = _KINDS.get((api_version, kind))
    if known is not None:
        return known
    group = api_version.partition("/")[0]
    if group == GROUP:
        raise Invalid([_unknown(api_version, kind)])
    if kind in (CHECK, PROBE_POOL) and difflib.SequenceMatcher(None, group, GROUP).ratio() >= _CLOSE:
        message = f"unknown group {group}, did you mean {API_VERSION}?"
        raise Invalid([Problem(path="apiVersion", message=message)])
    return Kind.OTHER


def _unknown(api_version: str, kind: str) -> Problem:
    if api_version != API_VERSION:
        return Problem(path="apiVersion", message=f"unknown version {api_version}, must be {API_VERSION}")
    similar = difflib.get_close_matches(kind, [CHECK, PROBE_POOL], n=1)
    remedy = f"did you mean {similar[0]}?" if similar else f"{GROUP} has the kinds {CHECK} and {PROBE_POOL}"
    return Problem(path="kind", message=f"unknown kind {kind}, {remedy}")
