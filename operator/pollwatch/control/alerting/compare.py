"""Whether an object is as we applied it: pure functions over documents."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def digest(document: Mapping[str, Any]) -> str:
    """Digest a document."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def is_as_applied(applied: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether an object has what was applied, and nothing else but what others may add.

    Others may add labels, annotations and whole fields of the spec, such as defaults. What is
    inside a field of the spec that we applied is ours alone.
    """
    ours, theirs = applied["metadata"], found["metadata"]
    for part in ("labels", "annotations"):
        wanted = ours.get(part) or {}
        if not wanted.items() <= (theirs.get(part) or {}).items():
            return False
    spec = found.get("spec") or {}
    return all(spec.get(field) == value for field, value in applied["spec"].items())
