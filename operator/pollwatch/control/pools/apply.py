"""Brings what is in the cluster to what a pool asks for, and takes away what it does not ask for.

Drift is what differs from what the API server answered when we applied: so what it fills in
itself is none, and a field that somebody added stays, applied over once.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog

from pollwatch.control.cluster import PROBE_POOLS, Cluster, RefusedError, Resource
from pollwatch.control.pools.owned import SECRETS, STATEFUL_SETS, WORKLOADS, HeldObject, OwnedObjects
from pollwatch.control.pools.registry import Pools
from pollwatch.control.pools.workloads import SPEC_DIGEST

INVALID = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Answers of an API server that will never take that object."""


NOT_OF_THE_TYPE = "failed to create typed patch object"
"""What an API server says, under code 500, of an apply with a field that the type does not have."""


class InvalidObjectError(Exception):
    """The API server refuses what was made of a pool's spec."""


class Applier:
    """Applies documents, and deletes objects that nobody asks for any more."""

    def __init__(self, cluster: Cluster, owned: OwnedObjects, pools: Pools) -> None:
        self._cluster = cluster
        self._owned = owned
        self._pools = pools
        self._applied: dict[tuple[Resource, str], tuple[str, str]] = {}
        """Digest of what was applied, and the state that this made."""
        self._log = structlog.get_logger("pollwatch.pools")

    async def apply(self, resource: Resource, document: Mapping[str, Any]) -> None:
        """Apply a document, unless the object is as it was left when it was applied last.

        Raises:
            InvalidObjectError: the API server refuses it as it is.
            ClusterError: it could not be applied now.
        """
        name = document["metadata"]["name"]
        digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
        held = self._owned[resource].get(name)
        before = self._applied.get((resource, name))
        if held is not None:
            if "deletionTimestamp" in held.document["metadata"]:
                return
            if before == (digest, held.state):
                return
            if before is not None and before[0] == digest:
                self._log.warning(
                    "somebody changed an object of a pool; put right", kind=resource.kind, name=name
                )
        try:
            answer = await self._cluster.apply(resource, self._owned.namespace, document)
        except RefusedError as error:
            if error.code in INVALID or NOT_OF_THE_TYPE in str(error):
                raise InvalidObjectError(f"{resource.kind} {name}: {error}") from error
            raise
        self._owned[resource].wrote(answer)
        now = self._owned[resource].get(name)
        if now is not None:
            self._applied[resource, name] = digest, now.state

    async def roll_out(self, documents: Sequence[Mapping[str, Any]]) -> bool:
        """Apply the StatefulSets of a pool; return whether all have been given the template of now.

        New ones are made at once. Of those that have to change, the ones that are not ready go
        first: they have nothing to lose, and a mended template is what they wait for. Of the
        others the next one is changed when all are ready.

        Raises:
            InvalidObjectError: the API server refuses one.
            ClusterError: one could not be applied now.
        """
        waiting: list[tuple[bool, Mapping[str, Any]]] = []
        settled = True
        for document in documents:
            held = self._owned[STATEFUL_SETS].get(document["metadata"]["name"])
            if held is None or _has_template(held, document):
                await self.apply(STATEFUL_SETS, document)
                settled = settled and held is not None and is_settled(held)
            else:
                waiting.append((is_settled(held), document))
        for ready, document in sorted(waiting, key=lambda item: item[0]):
            if ready and not settled:
                return False
            await self.apply(STATEFUL_SETS, document)
            settled = False
        return True

    async def delete_pool(self, name: str) -> bool:
        """Delete all that was made of a pool that is gone; return whether it is.

        Raises:
            ClusterError: it is not known whether it is, or a deletion failed.
        """
        try:
            pool = await self._cluster.get(PROBE_POOLS, None, name)
        except RefusedError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise
        else:
            # What we knew was out of date.
            self._pools.seen(pool)
            return False
        for resource in (*WORKLOADS, SECRETS):
            for held in self._owned[resource].of_pool(name):
                await self._delete(resource, held)
        return True

    async def delete_shards(self, name: str, numbers: frozenset[int], *, generation: int) -> bool:
        """Delete the objects of shards that a pool does not have any more; return whether it does not.

        Args:
            name: the pool.
            numbers: the shards.
            generation: of the spec that does not ask for them: nothing is deleted when the
                API server has another one.

        Raises:
            ClusterError: it is not known whether that is so, or a deletion failed.
        """
        obsolete = [
            (resource, held)
            for resource in (STATEFUL_SETS, SECRETS)
            for held in self._owned[resource].of_pool(name)
            if held.shard in numbers
        ]
        if not obsolete:
            return True
        pool = await self._cluster.get(PROBE_POOLS, None, name)
        if pool["metadata"]["generation"] != generation:
            self._pools.seen(pool)
            return False
        for resource, held in obsolete:
            await self._delete(resource, held)
        return True

    async def _delete(self, resource: Resource, held: HeldObject) -> None:
        self._applied.pop((resource, held.name), None)
        if "deletionTimestamp" in held.document["metadata"]:
            return
        try:
            await self._cluster.delete(resource, self._owned.namespace, held.name, uid=held.uid)
        except RefusedError as error:
            if error.code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                raise
        self._log.info("deleted what no pool asks for", kind=resource.kind, name=held.name)
        self._owned.gone(resource, held)


def is_settled(held: HeldObject) -> bool:
    """Whether a StatefulSet's pod runs by its template of now, and is ready."""
    status = held.document.get("status") or {}
    generation = held.document["metadata"].get("generation", 0)
    observed, updated, ready = (
        int(status.get(field, 0)) for field in ("observedGeneration", "updatedReplicas", "readyReplicas")
    )
    return observed >= generation and updated >= 1 and ready >= 1


def _has_template(held: HeldObject, document: Mapping[str, Any]) -> bool:
    annotations = held.document["metadata"].get("annotations") or {}
    wanted: str = document["metadata"]["annotations"][SPEC_DIGEST]
    return bool(annotations.get(SPEC_DIGEST) == wanted)
