"""Brings single objects to what they should be, and knows how they were left.

Objects that hold rules are big, so they are not watched: a watch would send each of them back on
each write of ours. Their metadata is listed instead, every few seconds, and an object is read only
when something of it changed that we did not do.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog

from pollwatch.control.alerting.apis import HAS_STATUS
from pollwatch.control.alerting.compare import Sealed, digest, is_as_applied
from pollwatch.control.alerting.standing import Standing, Standings, read_standing
from pollwatch.control.cluster import Cluster, ClusterError, RefusedError, Resource
from pollwatch.control.follower import ObjectName, name_of
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.pools.workloads import SPEC_DIGEST
from pollwatch.control.store import is_newer
from pollwatch.plan.clock import Clock

UNCHANGEABLE = ("is immutable", "requires a recreate")
"""What an API server says of a field that cannot be changed but by making the object anew."""


ObjectKey = tuple[Resource, ObjectName]
"""One object of one kind."""


class Shape(NamedTuple):
    """What changes when somebody changes an object, and not when its status is written."""

    uid: str
    generation: int
    marks: str
    """Digest of its labels, annotations and owners."""


class There(NamedTuple):
    """One object as it was seen last."""

    version: str
    shape: Shape
    ending: bool
    """It is being deleted, and somebody has yet to let it go."""


class Left(NamedTuple):
    """How we left an object."""

    digest: str
    """Of what was applied."""
    shape: Shape


class Moved(NamedTuple):
    """What a list showed."""

    changed: frozenset[ObjectName]
    """Objects that are not as we left them, or that we do not know, or that are gone."""
    spoken: frozenset[ObjectName]
    """Objects of which the status alone changed."""


_MARKS = ("labels", "annotations", "ownerReferences")


def _shape(document: Mapping[str, Any]) -> Shape:
    metadata = document["metadata"]
    marks = digest({part: metadata.get(part) or {} for part in _MARKS})
    return Shape(metadata["uid"], metadata.get("generation", 0), marks)


def _there(document: Mapping[str, Any]) -> There:
    metadata = document["metadata"]
    return There(metadata["resourceVersion"], _shape(document), "deletionTimestamp" in metadata)


class NotOursError(ClusterError):
    """An object of the name that we would use is there, and somebody else has made it."""


class Keeper:
    """Keeps objects of some kinds. Belongs to one event loop, and to the time that we lead."""

    def __init__(self, cluster: Cluster, metrics: ControlMetrics, clock: Clock) -> None:
        """Know of nothing yet.

        Args:
            cluster: where the objects are.
            metrics: counts writes.
            clock: now.
        """
        self._cluster = cluster
        self._metrics = metrics
        self._there: defaultdict[Resource, defaultdict[str, dict[str, There]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        """By kind, namespace and name."""
        self._left: dict[ObjectKey, Left] = {}
        self._standings = Standings[ObjectKey](clock)
        self._written: set[ObjectKey] = set()
        """What was written since a list was begun: the list may be older."""
        self._log = structlog.get_logger("pollwatch.alerting")

    def names(self, resource: Resource, namespace: str | None = None) -> list[ObjectName]:
        """Names of the objects there are, in one namespace or in all."""
        held = self._there[resource]
        namespaces = list(held) if namespace is None else [namespace]
        return [ObjectName(one, name) for one in namespaces for name in held.get(one, ())]

    def standing(self, resource: Resource, name: ObjectName) -> Standing:
        """Say how an object stands with who puts it into force."""
        there = self._held(resource, name)
        if there is not None and there.ending:
            return Standing(waiting=f"{resource.kind} {name.name} is being deleted, to be made anew")
        return self.said(resource, name)

    def said(self, resource: Resource, name: ObjectName) -> Standing:
        """Give what who puts an object into force has said of it for long enough."""
        return self._standings.get((resource, name))

    def ripen(self) -> list[ObjectKey]:
        """Return the objects that have stood badly for long enough to be told, each one once."""
        return self._standings.ripen()

    async def look(self, resource: Resource, namespace: str | None) -> Moved:
        """List the metadata of all objects of a kind, in one namespace or in all of them.

        Raises:
            ClusterError: they could not be listed.
        """
        self._written.clear()
        found: dict[ObjectName, There] = {}
        async for page in self._cluster.pages(resource, namespace, metadata_only=True):
            found.update((name_of(document), _there(document)) for document in page)
        changed: set[ObjectName] = set()
        spoken: set[ObjectName] = set()
        for name, there in found.items():
            before = self._held(resource, name)
            if (resource, name) in self._written or (before is not None and before.version == there.version):
                continue
            self._there[resource][name.namespace][name.name] = there
            left = self._left.get((resource, name))
            if left is None or left.shape != there.shape or there.ending:
                changed.add(name)
            else:
                spoken.add(name)
        for name in self.names(resource, namespace):
            if name not in found and (resource, name) not in self._written:
                self._forget(resource, name)
                changed.add(name)
        return Moved(frozenset(changed), frozenset(spoken))

    def forget_kind(self, resource: Resource) -> None:
        """Take in that the API server does not know a kind any more."""
        for name in self.names(resource):
            self._forget(resource, name)

    async def hear(self, resource: Resource, names: Iterable[ObjectName]) -> None:
        """Read what is said in the status of objects.

        Raises:
            ClusterError: one could not be read.
        """
        if resource not in HAS_STATUS:
            return
        for name in names:
            found = await self._read(resource, name)
            if found is not None:
                self._standings.put((resource, name), read_standing(found))

    async def keep(self, resource: Resource, wanted: Sealed) -> bool:
        """Make an object what a document says; nothing is written where it is.

        Returns:
            Whether it was written.

        Raises:
            RefusedError: the API server does not take it.
            NotOursError: it is somebody else's.
            ClusterError: it could not be done now.
        """
        name = wanted.name
        key = resource, name
        there, left = self._held(resource, name), self._left.get(key)
        if there is not None and (there.ending or left == Left(wanted.digest, there.shape)):
            return False
        if there is None or left is None or left.shape != there.shape:
            found = await self._read(resource, name)
            if found is not None and is_as_applied(wanted.document, found):
                self._remember(resource, found, wanted.digest)
                return False
            if found is not None and there is None and SPEC_DIGEST not in _annotations(found):
                raise NotOursError("there is one that Pollwatch has not made: delete or rename it")
            if found is not None and left is not None and left.digest == wanted.digest:
                self._metrics.alert_writes.labels(resource.kind, "repaired").inc()
                self._log.warning("somebody changed an object of ours; put right", **_named(*key))
        try:
            answer = await self._cluster.apply(resource, name.namespace, wanted.document)
        except RefusedError as error:
            if there is None or not any(words in str(error) for words in UNCHANGEABLE):
                self._metrics.alert_writes.labels(resource.kind, "refused").inc()
                raise
            self._log.info("object has to be made anew", **_named(*key), error=str(error))
            await self.drop(resource, name)
            # Somebody may have to let it go first: when it is gone, a list tells.
            self._there[resource][name.namespace][name.name] = there._replace(ending=True)
            return True
        self._metrics.alert_writes.labels(resource.kind, "applied").inc()
        self._remember(resource, answer, wanted.digest)
        return True

    async def drop(self, resource: Resource, name: ObjectName) -> None:
        """Delete an object, unless it is gone or going.

        Raises:
            ClusterError: it could not be done now.
        """
        there = self._held(resource, name)
        if there is None or there.ending:
            return
        try:
            await self._cluster.delete(resource, name.namespace, name.name, uid=there.shape.uid)
        except RefusedError as error:
            if error.code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                self._metrics.alert_writes.labels(resource.kind, "refused").inc()
                raise
        self._metrics.alert_writes.labels(resource.kind, "deleted").inc()
        self._forget(resource, name)

    def _held(self, resource: Resource, name: ObjectName) -> There | None:
        return self._there[resource].get(name.namespace, {}).get(name.name)

    async def _read(self, resource: Resource, name: ObjectName) -> dict[str, Any] | None:
        try:
            return await self._cluster.get(resource, name.namespace, name.name)
        except RefusedError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise
            return None

    def _remember(self, resource: Resource, document: Mapping[str, Any], applied: str) -> None:
        name = name_of(document)
        fresh = _there(document)
        before = self._held(resource, name)
        if before is None or before.shape.uid != fresh.shape.uid or is_newer(fresh.version, before.version):
            self._there[resource][name.namespace][name.name] = fresh
        self._left[resource, name] = Left(applied, fresh.shape)
        self._written.add((resource, name))
        if resource in HAS_STATUS:
            self._standings.put((resource, name), read_standing(document))

    def _forget(self, resource: Resource, name: ObjectName) -> None:
        namespace = self._there[resource][name.namespace]
        namespace.pop(name.name, None)
        if not namespace:
            del self._there[resource][name.namespace]
        self._left.pop((resource, name), None)
        self._standings.forget((resource, name))


def _annotations(document: Mapping[str, Any]) -> Mapping[str, str]:
    return document["metadata"].get("annotations") or {}


def _named(resource: Resource, name: ObjectName) -> dict[str, str]:
    return {"kind": resource.kind, "name": "/".join(filter(None, name))}
