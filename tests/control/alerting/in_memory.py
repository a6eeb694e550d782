"""An API server in memory, as far as the keeping of alert rules goes: it says no as the test wants."""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import unquote

from pollwatch.control.alerting.apis import (
    GRAFANA_DASHBOARDS,
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
    POD_MONITORS,
    PROMETHEUS_RULES,
    SERVICE_MONITORS,
)
from pollwatch.control.cluster import Cluster, NotLeadingError, RefusedError, Resource
from pollwatch.control.owner import CLUSTER_ROLES

ALL_KINDS = (
    PROMETHEUS_RULES,
    GRAFANA_FOLDERS,
    GRAFANA_RULE_GROUPS,
    POD_MONITORS,
    SERVICE_MONITORS,
    GRAFANA_DASHBOARDS,
)
"""Each kind once, whatever labels its objects have."""

T = TypeVar("T")

Refusal = Callable[[str, Resource, str], RefusedError | None]
"""Says no to a method on a kind in a namespace (empty: in all of them)."""


class InMemoryCluster(Cluster):
    """Holds objects of the kinds that it serves, and counts what is asked of it."""

    def __init__(self, *kinds: Resource) -> None:
        self.served = {CLUSTER_ROLES, *(kinds or ALL_KINDS)}
        self.objects: dict[tuple[Resource, str, str], dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        """Method and path of each request, in order."""
        self.hidden: set[tuple[Resource, str, str]] = set()
        """Objects that are in no list, as they have not the labels that lists are by."""
        self.refuse: Refusal = lambda _method, _resource, _namespace: None
        self.delay = 0.0
        """Seconds that each write takes."""
        self._versions = itertools.count(1)
        self._may_write = lambda: True

    # What tests look at and do

    @property
    def writes(self) -> list[str]:
        """The paths that were written to, in order."""
        return [path for method, path in self.asked if method != "GET"]

    def names(self, resource: Resource, namespace: str) -> list[str]:
        return sorted(name for kind, where, name in self.objects if (kind, where) == (resource, namespace))

    def get_object(
        self, resource: Resource, namespace: str, name: str = "pollwatch-checks"
    ) -> dict[str, Any]:
        return self.objects[resource, namespace, name]

    def edit(self, resource: Resource, namespace: str, spec: Mapping[str, Any]) -> None:
        """Change fields of the spec of an object."""
        held = self.get_object(resource, namespace)
        held["spec"] = {**held["spec"], **spec}
        held["metadata"]["generation"] += 1
        self._touch(held)

    def label(self, resource: Resource, namespace: str, **labels: str) -> None:
        """Add labels to an object."""
        held = self.get_object(resource, namespace)
        held["metadata"]["labels"].update(labels)
        self._touch(held)

    def disown(self, resource: Resource, namespace: str) -> None:
        """Take all owners of an object away."""
        held = self.get_object(resource, namespace)
        del held["metadata"]["ownerReferences"]
        self._touch(held)

    def make_role(self, name: str) -> str:
        """Make a ClusterRole, in place of the one that is there; return its uid."""
        uid = f"uid-{next(self._versions)}"
        self.objects[CLUSTER_ROLES, "", name] = {"metadata": {"name": name, "uid": uid}}
        return uid

    def tell(
        self,
        resource: Resource,
        namespace: str,
        *conditions: Mapping[str, Any],
        name: str = "pollwatch-checks",
    ) -> None:
        """Write the status of an object."""
        held = self.get_object(resource, namespace, name)
        held["status"] = {"conditions": list(conditions)}
        self._touch(held)

    def let_go(self, resource: Resource, namespace: str) -> None:
        """Take the finalizers of an object that is being deleted away."""
        del self.objects[resource, namespace, "pollwatch-checks"]

    def _touch(self, held: dict[str, Any]) -> None:
        held["metadata"]["resourceVersion"] = str(next(self._versions))

    # What the operator asks

    def fenced(self, may_write: Callable[[], bool]) -> Cluster:
        self._may_write = may_write
        return self

    async def _exchange(
        self,
        read: Callable[[bytes], T],
        method: str,
        path: str,
        *,
        body: Any = None,
        accept: str = "application/json",
        query: Mapping[str, str] | None = None,
        **_: Any,
    ) -> T:
        self.asked.append((method, path))
        if self.delay and method != "GET":
            await asyncio.sleep(self.delay)
        if method != "GET" and not self._may_write():
            raise NotLeadingError("not sent")
        labels = _labels((query or {}).get("labelSelector", ""))
        answer = self._answer(method, path, body, labels, whole="Partial" not in accept)
        return read(json.dumps(answer).encode())

    def _answer(self, method: str, path: str, body: Any, labels: Mapping[str, str], *, whole: bool) -> Any:
        for resource in (CLUSTER_ROLES, *ALL_KINDS):
            if path == resource.prefix:
                return self._discover(resource.prefix)
            below = path.removeprefix(resource.prefix)
            namespace, plural, name = _parts(below)
            if below != path and plural == resource.plural:
                if not name and method == "GET":
                    return self._list_objects(resource, namespace, labels, whole=whole)
                return self._serve(method, resource, namespace, name, body)
        raise AssertionError(f"nothing is at {path}")

    def _discover(self, prefix: str) -> dict[str, Any]:
        plurals = [resource.plural for resource in self.served if resource.prefix == prefix]
        if not plurals:
            raise RefusedError(404, "the server could not find the requested resource")
        return {"resources": [{"name": plural} for plural in plurals]}

    def _admit(self, method: str, resource: Resource, namespace: str) -> None:
        if resource not in self.served:
            raise RefusedError(404, "the server could not find the requested resource")
        refusal = self.refuse(method, resource, namespace)
        if refusal is not None:
            raise refusal

    def _list_objects(
        self, resource: Resource, namespace: str, labels: Mapping[str, str], *, whole: bool
    ) -> Any:
        self._admit("GET", resource, namespace)
        found = [
            held if whole else {"metadata": held["metadata"]}
            for (kind, where, called), held in self.objects.items()
            if kind == resource
            and namespace in ("", where)
            and (kind, where, called) not in self.hidden
            and labels.items() <= held["metadata"].get("labels", {}).items()
        ]
        return json.loads(json.dumps({"metadata": {}, "items": found or None}))

    def _serve(self, method: str, resource: Resource, namespace: str, name: str, body: Any) -> Any:
        self._admit(method, resource, namespace)
        key = resource, namespace, name
        if method == "PATCH":
            return json.loads(json.dumps(self._apply(key, body)))
        if key not in self.objects:
            raise RefusedError(404, f"{name} not found")
        if method == "DELETE":
            self._delete(key, uid=body["preconditions"]["uid"])
            return {}
        return json.loads(json.dumps(self.objects[key]))

    def _apply(self, key: tuple[Resource, str, str], document: Mapping[str, Any]) -> dict[str, Any]:
        held = self.objects.get(key)
        document = json.loads(json.dumps(document))
        if held is None:
            uid = f"uid-{next(self._versions)}"
            held = self.objects[key] = {
                **document,
                "metadata": {**document["metadata"], "uid": uid, "generation": 1},
            }
            self._touch(held)
            return held
        selector = held["spec"].get("instanceSelector")
        if selector != document["spec"].get("instanceSelector"):
            raise RefusedError(422, "spec: Invalid value: spec.instanceSelector is immutable")
        labels = {**held["metadata"].get("labels", {}), **document["metadata"].get("labels", {})}
        annotations = {**held["metadata"].get("annotations", {}), **document["metadata"]["annotations"]}
        # One manager applies: what it names no more is gone.
        owners = document["metadata"].get("ownerReferences", [])
        marks = {"labels": labels, "annotations": annotations, "ownerReferences": owners}
        if held["spec"] == document["spec"] and marks.items() <= held["metadata"].items():
            return held
        held["metadata"].update(marks)
        if held["spec"] != document["spec"]:
            held["metadata"]["generation"] += 1
            held["spec"] = document["spec"]
        self._touch(held)
        return held

    def _delete(self, key: tuple[Resource, str, str], *, uid: str) -> None:
        held = self.objects[key]
        if held["metadata"]["uid"] != uid:
            raise RefusedError(409, "the UID in the precondition does not match")
        if held["metadata"].get("finalizers"):
            held["metadata"]["deletionTimestamp"] = "2016-11-08T20:00:00Z"
            self._touch(held)
        else:
            del self.objects[key]


def _labels(selector: str) -> dict[str, str]:
    """The labels that a selector asks for."""
    return dict(label.split("=", 1) for label in selector.split(",") if label)


def _parts(path: str) -> tuple[str, str, str]:
    """Namespace, plural and name of a path below the prefix of its group."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace, parts = parts[1], parts[2:]
    return namespace, parts[0] if parts else "", parts[1] if len(parts) > 1 else ""
