"""Who holds the objects of a kind: what the watch and the re-lists need of it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

Namespaces = Sequence[str | None]
"""Where to list; `None` in it: in all namespaces, or a kind that has none."""


class ObjectName(NamedTuple):
    """Namespace and name of an object; the namespace is empty for kinds that have none."""

    namespace: str
    name: str


def name_of(document: Mapping[str, Any]) -> ObjectName:
    """Return the name of an object."""
    metadata = document["metadata"]
    return ObjectName(metadata.get("namespace", ""), metadata["name"])


class Follower(Protocol):
    """Holds all objects of one resource as they were last seen."""

    @property
    def namespaces(self) -> Namespaces | None:
        """Where they are listed; `None`: in the namespaces that the operator serves."""
        ...

    def held(self) -> Mapping[ObjectName, str]:
        """Give the uid of each object that is held."""
        ...

    def seen(self, document: Mapping[str, Any]) -> None:
        """Take in an object as it is, or as it was: an older version than the one held changes nothing."""
        ...

    def gone(self, name: ObjectName, *, uid: str) -> bool:
        """Take in that the object with this uid does not exist; return whether it was held."""
        ...

    def listed(self) -> None:
        """Take in that all there is was seen."""
        ...
