"""What the operator knows of the cluster: its own, level-based cache.

Every Check is kept as its JSON text (a third of the memory of the decoded document), and
decoded again when it has to be compiled; names, which all parts of the operator hold, are kept once.
Of Secrets and ConfigMaps, only those that a
Check refers to are kept.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from sys import intern
from typing import Any

from pollwatch.compile.references import Reference
from pollwatch.compile.resources import Data
from pollwatch.control.status import CheckStatus, read_status
from pollwatch.plan.checks import CheckKey


class Novelty(Enum):
    """What an observation brought."""

    NOTHING = "nothing"
    STATUS = "status"
    """Another status, or metadata; the spec is as it was."""
    SPEC = "spec"
    """Another spec, or another Check."""


@dataclass(slots=True, kw_only=True)
class HeldCheck:
    """One Check as the API server last showed it."""

    uid: str
    generation: int
    resource_version: str
    text: bytes = field(repr=False)
    """apiVersion, kind, the metadata that matters and spec, as JSON."""
    status: CheckStatus | None
    references: frozenset[Reference] = frozenset()

    @property
    def document(self) -> dict[str, Any]:
        """The Check, decoded."""
        document: dict[str, Any] = json.loads(self.text)
        return document


@dataclass(slots=True, kw_only=True)
class _HeldData:
    uid: str = ""
    users: set[CheckKey] = field(default_factory=set)
    known: bool = False
    """Whether the API server was asked, or has told us."""
    resource_version: str = ""
    data: Data | None = field(default=None, repr=False)
    """`None`: it does not exist."""
    changes: int = 0
    """How often it was observed: to tell whether an answer is older than what the watch said."""


class Store:
    """Checks, and the Secrets and ConfigMaps they refer to. Belongs to one event loop.

    It is also the `Resources` that Checks are compiled with.
    """

    def __init__(self) -> None:
        self.checks: dict[CheckKey, HeldCheck] = {}
        self._data: dict[Reference, _HeldData] = {}

    # Checks

    def observe_check(self, document: Mapping[str, Any]) -> Novelty:
        """Take in a Check; a version that is held already, or an older one, brings nothing new."""
        metadata = document["metadata"]
        key = CheckKey(intern(metadata["namespace"]), intern(metadata["name"]))
        held = self.checks.get(key)
        uid, version = intern(metadata["uid"]), metadata["resourceVersion"]
        if held is not None and held.uid == uid and not is_newer(version, held.resource_version):
            return Novelty.NOTHING
        status = read_status(document.get("status"))
        generation = metadata.get("generation", 0)
        if held is not None and held.uid == uid and held.generation == generation:
            held.resource_version = version
            held.status = status
            return Novelty.STATUS
        self.checks[key] = HeldCheck(
            uid=uid,
            generation=generation,
            resource_version=version,
            text=_text(document),
            status=status,
            references=held.references if held is not None else frozenset(),
        )
        return Novelty.SPEC

    def forget_check(self, key: CheckKey, *, uid: str) -> bool:
        """Drop a Check that is gone, unless another one of that name was made since.

        Returns:
            Whether it was held.
        """
        held = self.checks.get(key)
        if held is None or held.uid != uid:
            return False
        self.refer(key, frozenset())
        del self.checks[key]
        return True

    # What they refer to

    def refer(self, key: CheckKey, references: frozenset[Reference]) -> None:
        """Say what a Check refers to now; what no Check refers to any more is dropped."""
        held = self.checks[key]
        for reference in held.references - references:
            users = self._data[reference].users
            users.discard(key)
            if not users:
                del self._data[reference]
        for reference in references:
            self._data.setdefault(reference, _HeldData()).users.add(key)
        held.references = references

    def unknown(self, references: frozenset[Reference]) -> list[Reference]:
        """Return those of which it is not known yet whether they exist."""
        return [one for one in references if one not in self._data or not self._data[one].known]

    def references(self) -> list[Reference]:
        """Return everything that some Check refers to."""
        return list(self._data)

    def changes(self, reference: Reference) -> int:
        """Count the observations of an object; -1 when no Check refers to it."""
        held = self._data.get(reference)
        return held.changes if held is not None else -1

    def resource_version(self, reference: Reference) -> str:
        """Return the version that is held, empty when none is."""
        held = self._data.get(reference)
        return held.resource_version if held is not None and held.data is not None else ""

    def forget_data(self, reference: Reference, *, uid: str) -> frozenset[CheckKey]:
        """Take in that an object is gone, unless another one of that name was made since."""
        held = self._data.get(reference)
        if held is None or (held.data is not None and held.uid != uid):
            return frozenset()
        return self.observe_data(reference, None)

    def observe_data(self, reference: Reference, document: Mapping[str, Any] | None) -> frozenset[CheckKey]:
        """Take in a Secret or ConfigMap; `None`: it does not exist.

        Returns:
            The Checks that have to be compiled again.
        """
        held = self._data.get(reference)
        if held is None:
            return frozenset()
        held.changes += 1
        version = document["metadata"]["resourceVersion"] if document is not None else ""
        if held.known and held.resource_version == version:
            return frozenset()
        data = _data(reference.kind, document) if document is not None else None
        changed = not held.known or held.data != data
        held.uid = document["metadata"]["uid"] if document is not None else ""
        held.known, held.resource_version, held.data = True, version, data
        return frozenset(held.users) if changed else frozenset()

    def secret(self, namespace: str, name: str) -> Data | None:
        """Return the content of a Secret; `None` when it does not exist."""
        return self._content(Reference("Secret", namespace, name))

    def config_map(self, namespace: str, name: str) -> Data | None:
        """Return the content of a ConfigMap; `None` when it does not exist."""
        return self._content(Reference("ConfigMap", namespace, name))

    def _content(self, reference: Reference) -> Data | None:
        held = self._data.get(reference)
        return held.data if held is not None else None


def is_newer(version: str, held: str) -> bool:
    """Compare two resource versions of one object.

    They are numbers that grow (documented since Kubernetes 1.35, true long before); should
    they not be, any other version counts as newer.
    """
    if version.isdigit() and held.isdigit():
        return int(version) > int(held)
    return version != held


def _text(document: Mapping[str, Any]) -> bytes:
    metadata = document["metadata"]
    kept = {name: metadata[name] for name in ("namespace", "name", "uid", "generation") if name in metadata}
    return json.dumps(
        {
            "apiVersion": document.get("apiVersion"),
            "kind": document.get("kind"),
            "metadata": kept,
            "spec": document.get("spec"),
        },
        separators=(",", ":"),
    ).encode()


def _data(kind: str, document: Mapping[str, Any]) -> Data:
    if kind == "ConfigMap":
        plain = {key: value.encode() for key, value in (document.get("data") or {}).items()}
        return plain | _decoded(document.get("binaryData"))
    return _decoded(document.get("data"))


def _decoded(values: Mapping[str, str] | None) -> dict[str, bytes]:
    decoded = {}
    for key, value in (values or {}).items():
        try:
            decoded[key] = base64.b64decode(value, validate=True)
        except binascii.Error:
            # The API server does not accept such a value; were it there, it reads as missing.
            continue
    return decoded
