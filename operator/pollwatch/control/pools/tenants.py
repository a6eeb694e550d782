"""The namespaces there are, by their labels: what pools admit namespaces by."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pollwatch.control.follower import ObjectName
from pollwatch.control.store import is_newer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Namespace:
    uid: str
    version: str
    labels: Mapping[str, str]


class Tenants:
    """Follows Namespaces. Belongs to one event loop."""

    namespaces = (None,)

    def __init__(self, *, relabelled: Callable[[str], None]) -> None:
        """Make it empty; `relabelled` is called for each namespace that is made, gone or labelled anew."""
        self._relabelled = relabelled
        self._held: dict[str, _Namespace] = {}
        self.known = asyncio.Event()
        """Set when all of them were listed once."""

    def labels(self, namespace: str) -> Mapping[str, str]:
        """Return the labels of a namespace; none where it is not known."""
        held = self._held.get(namespace)
        return held.labels if held is not None else {}

    def all_labels(self) -> Iterable[Mapping[str, str]]:
        """Give the labels of each namespace."""
        return (held.labels for held in self._held.values())

    def held(self) -> Mapping[ObjectName, str]:
        """Give the uid of each namespace."""
        return {ObjectName("", name): held.uid for name, held in self._held.items()}

    def seen(self, document: Mapping[str, Any]) -> None:
        """Take in a namespace."""
        metadata = document["metadata"]
        name, uid, version = metadata["name"], metadata["uid"], metadata["resourceVersion"]
        held = self._held.get(name)
        if held is not None and held.uid == uid and not is_newer(version, held.version):
            return
        fresh = _Namespace(uid=uid, version=version, labels=metadata.get("labels") or {})
        self._held[name] = fresh
        if held is None or held.labels != fresh.labels:
            self._relabelled(name)

    def gone(self, name: ObjectName, *, uid: str) -> bool:
        """Take in that a namespace is gone."""
        held = self._held.get(name.name)
        if held is None or held.uid != uid:
            return False
        del self._held[name.name]
        self._relabelled(name.name)
        return True

    def listed(self) -> None:
        """Take in that all of them were seen."""
        self.known.set()
