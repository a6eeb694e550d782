"""What is in the operator's own namespace of all that was made for pools."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from pollwatch.control.cluster import Resource
from pollwatch.control.follower import Follower, ObjectName
from pollwatch.control.pools.names import LABEL_POOL, LABEL_SHARD, SELECTOR
from pollwatch.control.store import is_newer

STATEFUL_SETS = Resource(
    kind="StatefulSet", group="apps", version="v1", plural="statefulsets", label_selector=SELECTOR
)
SERVICES = Resource(kind="Service", group="", version="v1", plural="services", label_selector=SELECTOR)
DISRUPTION_BUDGETS = Resource(
    kind="PodDisruptionBudget",
    group="policy",
    version="v1",
    plural="poddisruptionbudgets",
    label_selector=SELECTOR,
)
NETWORK_POLICIES = Resource(
    kind="NetworkPolicy",
    group="networking.k8s.io",
    version="v1",
    plural="networkpolicies",
    label_selector=SELECTOR,
)
SECRETS = Resource(kind="Secret", group="", version="v1", plural="secrets", label_selector=SELECTOR)
PODS = Resource(kind="Pod", group="", version="v1", plural="pods", label_selector=SELECTOR)

WORKLOADS = (SERVICES, DISRUPTION_BUDGETS, NETWORK_POLICIES, STATEFUL_SETS)
"""What is made of a pool by server-side apply."""

OWNED = (*WORKLOADS, SECRETS, PODS)
"""What the operator watches in its own namespace."""

PLAN_TYPE = "pollwatch.dev/plan"
KEYS_TYPE = "pollwatch.dev/keys"

PLAN_FILE = "plan.json"
KEYS_FILE = "keys.json"

_IDENTITY = ("labels", "annotations", "ownerReferences")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldObject:
    """One object as the API server last showed it."""

    name: str
    uid: str
    version: str
    pool: str
    """Empty: somebody took the label away before we knew the object."""
    shard: int | None
    """`None`: it is of the pool as a whole."""
    owners: frozenset[str]
    """Uids of the objects that own it."""
    state: str
    """Digest of all that is not status: another one means that somebody changed the object."""
    data: str
    """Digest of a Secret's data; empty for other kinds."""
    document: Mapping[str, Any] = field(repr=False)
    """Without `managedFields` and, of plans, without the payload."""

    def belongs_to(self, uid: str, labels: Mapping[str, str]) -> bool:
        """Whether it is owned by an object, and has these labels."""
        found = self.document["metadata"].get("labels") or {}
        return uid in self.owners and labels.items() <= found.items()


def data_digest(data: Mapping[str, str]) -> str:
    """Digest the data of a Secret, values in base64."""
    digest = hashlib.sha256()
    for name in sorted(data):
        digest.update(f"{name}\0{data[name]}\0".encode())
    return digest.hexdigest()


class Objects:
    """Follows one kind of object. Belongs to one event loop."""

    def __init__(self, namespace: str, changed: Callable[[str], None], listed: Callable[[], None]) -> None:
        """Make it empty.

        Args:
            namespace: the operator's own.
            changed: called with the pool of each object that changed.
            listed: called when all were seen.
        """
        self.namespaces = (namespace,)
        self._changed = changed
        self._listed = listed
        self._held: dict[str, HeldObject] = {}

    def __iter__(self) -> Iterator[HeldObject]:
        """Iterate over all objects."""
        return iter(list(self._held.values()))

    def get(self, name: str) -> HeldObject | None:
        """Return an object; `None`: there is none of this name."""
        return self._held.get(name)

    def of_pool(self, pool: str) -> list[HeldObject]:
        """Return the objects of a pool."""
        return [held for held in self._held.values() if held.pool == pool]

    def held(self) -> Mapping[ObjectName, str]:
        """Give the uid of each object."""
        return {ObjectName(self.namespaces[0], name): held.uid for name, held in self._held.items()}

    def seen(self, document: Mapping[str, Any]) -> None:
        """Take in an object."""
        fresh = self._take(document)
        if fresh is not None:
            self._changed(fresh.pool)

    def wrote(self, document: Mapping[str, Any]) -> None:
        """Take in what the API server answered to a write of ours: that is no news to anybody."""
        self._take(document)

    def _take(self, document: Mapping[str, Any]) -> HeldObject | None:
        """Hold an object; return it, unless it is held already as it is or as it was later."""
        metadata = document["metadata"]
        held = self._held.get(metadata["name"])
        version = metadata["resourceVersion"]
        if held is not None and held.uid == metadata["uid"] and not is_newer(version, held.version):
            return None
        fresh = _hold(document)
        if not fresh.pool and held is not None:
            # Somebody took its labels away: it is whose it was, to be put right.
            fresh = replace(fresh, pool=held.pool, shard=held.shard)
        self._held[fresh.name] = fresh
        return fresh

    def gone(self, name: ObjectName, *, uid: str) -> bool:
        """Take in that an object is gone."""
        held = self._held.get(name.name)
        if held is None or held.uid != uid:
            return False
        del self._held[name.name]
        self._changed(held.pool)
        return True

    def listed(self) -> None:
        """Take in that all of them were seen."""
        self._listed()


class OwnedObjects:
    """All kinds of objects that are made for pools, and the pods that come of them."""

    def __init__(self, namespace: str) -> None:
        """Make it empty; `namespace` is the operator's own."""
        self.namespace = namespace
        self._tell: list[Callable[[str], None]] = []
        self._unlisted = set(OWNED)
        self.listed = asyncio.Event()
        """Set when all kinds were listed once."""
        self.kinds: Mapping[Resource, Objects] = {
            resource: Objects(namespace, self._changed, partial(self._list, resource)) for resource in OWNED
        }

    @property
    def followers(self) -> Mapping[Resource, Follower]:
        """What feeds it."""
        return dict(self.kinds)

    def subscribe(self, tell: Callable[[str], None]) -> None:
        """Have a function called with the pool of each object that is made, changed or gone."""
        self._tell.append(tell)

    def __getitem__(self, resource: Resource) -> Objects:
        return self.kinds[resource]

    def gone(self, resource: Resource, held: HeldObject) -> None:
        """Take in that an object is gone that we deleted, or did not find."""
        self.kinds[resource].gone(ObjectName(self.namespace, held.name), uid=held.uid)

    def _list(self, resource: Resource) -> None:
        self._unlisted.discard(resource)
        if not self._unlisted:
            self.listed.set()

    def _changed(self, pool: str) -> None:
        for tell in self._tell if pool else ():
            tell(pool)


def _hold(document: Mapping[str, Any]) -> HeldObject:
    metadata = document["metadata"]
    labels = metadata.get("labels") or {}
    shard = labels.get(LABEL_SHARD, "")
    data = document.get("data") or {}
    content = {name: value for name, value in document.items() if name not in ("metadata", "status", "data")}
    content["metadata"] = {name: metadata.get(name) for name in _IDENTITY}
    content["data"] = digest = data_digest(data) if data else ""
    kept = {name: value for name, value in document.items() if name != "data"}
    kept["metadata"] = {name: value for name, value in metadata.items() if name != "managedFields"}
    if data:
        small = (PLAN_FILE, KEYS_FILE)
        kept["data"] = {name: value if name in small else "" for name, value in data.items()}
    return HeldObject(
        name=metadata["name"],
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        pool=labels.get(LABEL_POOL, ""),
        shard=int(shard) if shard.isdecimal() else None,
        owners=frozenset(owner["uid"] for owner in metadata.get("ownerReferences") or ()),
        state=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
        data=digest,
        document=kept,
    )
