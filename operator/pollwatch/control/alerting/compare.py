"""What is applied, and whether an object is as we applied it: pure functions over documents."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pollwatch.control.follower import ObjectName, name_of
from pollwatch.control.pools.workloads import SPEC_DIGEST


def digest(document: Mapping[str, Any]) -> str:
    """Digest a document."""
    return _digest(_text(document))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A document to apply."""

    document: Mapping[str, Any]
    """With its digest in an annotation: what was applied once and is not named any more makes a
    difference, too."""
    digest: str
    size: int
    """Bytes as JSON."""

    @property
    def name(self) -> ObjectName:
        """Where it is to be."""
        return name_of(self.document)


def seal(document: Mapping[str, Any]) -> Sealed:
    """Make a document ready to be applied."""
    text = _text(document)
    seal = _digest(text)
    metadata = document["metadata"]
    annotations = {**metadata.get("annotations", {}), SPEC_DIGEST: seal}
    sealed = {**document, "metadata": {**metadata, "annotations": annotations}}
    return Sealed(document=sealed, digest=seal, size=len(text))


def _text(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def is_as_applied(applied: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether an object has what was applied, and nothing else but what others may add.

    Others may add labels, annotations, owners and whole fields of the spec, such as defaults. What is
    inside a field of the spec that we applied is ours alone.
    """
    ours, theirs = applied["metadata"], found["metadata"]
    for part in ("labels", "annotations"):
        wanted = ours.get(part) or {}
        if not wanted.items() <= (theirs.get(part) or {}).items():
            return False
    owners = theirs.get("ownerReferences") or ()
    if any(owner not in owners for owner in ours.get("ownerReferences") or ()):
        return False
    spec = found.get("spec") or {}
    return all(spec.get(field) == value for field, value in applied["spec"].items())
