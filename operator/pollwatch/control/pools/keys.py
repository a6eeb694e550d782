"""The keys that the operator shares with each worker: made, kept in a Secret, exchanged.

Each worker has keys of its own, in a Secret that is mounted into its Pod alone: one that is taken over
can neither read what its neighbours tell nor push them plans.

A key is added a whole period before it is the oldest, and a worker accepts all that are in its
Secret: while the kubelet brings the new one, the one before is good on both sides. So none is added
before the worker has said that it has the one before, whatever clocks say: two in a rush, by leaders of
whom one had its clock days ahead, would leave the worker with none that is in force.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from cryptography.fernet import Fernet

from pollwatch.control.cluster import Cluster, RefusedError
from pollwatch.control.conditions import rfc3339
from pollwatch.control.pools.names import keys_name, labels
from pollwatch.control.pools.owned import KEYS_FILE, KEYS_TYPE, SECRETS, HeldObject, OwnedObjects
from pollwatch.control.pools.shards import Shard
from pollwatch.worker.keys import Keys, KeysError, key_identity

ROTATION = 24 * 3600.0
"""Seconds from one key to the next."""

KEPT = 2
"""Keys of each kind that are accepted: the newest and the one before."""

WRITES_AT_ONCE = 8
"""Secrets that are written at a time."""

ROTATED = "pollwatch.dev/rotated"
"""Annotation that says when the newest key was made, RFC 3339."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysState:
    """The keys that a Secret holds."""

    keys: Keys
    rotated: float
    """Unix seconds; 0: nobody knows."""

    @property
    def newest(self) -> frozenset[str]:
        """Names of the newest key of each kind."""
        return frozenset(map(key_identity, (*self.keys.feed_tokens[:1], *self.keys.plan_keys[:1])))


def read_keys(held: HeldObject) -> KeysState | None:
    """Read the Secret of a worker; `None`: what is in it is of no use."""
    try:
        document = base64.b64decode(held.document.get("data", {})[KEYS_FILE], validate=True)
        keys = Keys.parse(document)
    except (KeyError, binascii.Error, KeysError):
        return None
    if not keys.feed_tokens or not keys.plan_keys:
        return None
    annotations = held.document["metadata"].get("annotations") or {}
    return KeysState(keys=keys, rotated=_unix(annotations.get(ROTATED, "")))


def due_keys(
    before: KeysState | None,
    *,
    now: float,
    mounted: bool = True,
    generate: Callable[[], str] = lambda: Fernet.generate_key().decode(),
) -> KeysState | None:
    """Say which keys a Secret has to hold from now on; `None`: those that it holds.

    Args:
        before: what it holds; `None`: nothing of use.
        now: Unix seconds.
        mounted: whether the worker is known to have the newest of those.
        generate: makes 32 random bytes in URL-safe base64.
    """
    if before is None:
        return KeysState(keys=Keys(feed_tokens=(generate(),), plan_keys=(generate(),)), rotated=now)
    # Clocks of operators differ: one that is behind must not exchange what was made just now.
    if not mounted or abs(now - before.rotated) < ROTATION:
        return None
    keys = Keys(
        feed_tokens=(generate(), *before.keys.feed_tokens)[:KEPT],
        plan_keys=(generate(), *before.keys.plan_keys)[:KEPT],
    )
    return KeysState(keys=keys, rotated=now)


def keys_document(pool: str, shard: int, state: KeysState, owner: dict[str, Any]) -> dict[str, Any]:
    """Build the Secret of a shard's worker; `owner` is the reference to the ProbePool."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": keys_name(pool, shard),
            "labels": labels(pool, shard),
            "annotations": {ROTATED: rfc3339(state.rotated)},
            "ownerReferences": [owner],
        },
        "type": KEYS_TYPE,
        "data": {KEYS_FILE: base64.b64encode(state.keys.document()).decode()},
    }


class Locksmith:
    """Keeps the keys of workers. Belongs to one event loop."""

    def __init__(
        self,
        cluster: Cluster,
        owned: OwnedObjects,
        *,
        accepted: Callable[[Shard], Collection[str]],
        now: Callable[[], float],
    ) -> None:
        """Wire it.

        Args:
            cluster: the API server.
            owned: what was made for pools.
            accepted: gives the names of the keys that a worker said last it accepts.
            now: gives Unix seconds.
        """
        self._cluster = cluster
        self._owned = owned
        self._accepted = accepted
        self._now = now

    async def keep(self, shards: Iterable[Shard], owner: dict[str, Any]) -> None:
        """Have a Secret with keys for each of these shards, and newer keys where it is time.

        Args:
            shards: of one pool.
            owner: the reference to the ProbePool.

        Raises:
            ClusterError: a write failed. The others were made all the same.
        """
        limit = asyncio.Semaphore(WRITES_AT_ONCE)

        async def keep(shard: Shard) -> None:
            async with limit:
                await self._keep_one(shard, owner)

        results = await asyncio.gather(*map(keep, shards), return_exceptions=True)
        for failure in results:
            if failure is not None:
                raise failure

    async def _keep_one(self, shard: Shard, owner: dict[str, Any]) -> None:
        name, namespace = keys_name(shard.pool, shard.number), self._owned.namespace
        held = self._owned[SECRETS].get(name)
        before = read_keys(held) if held is not None else None
        mounted = before is not None and before.newest <= set(self._accepted(shard))
        state = due_keys(before, now=self._now(), mounted=mounted) or before
        if state is None:
            return
        is_ours = held is not None and held.belongs_to(owner["uid"], labels(shard.pool, shard.number))
        if state is before and is_ours:
            return
        document = keys_document(shard.pool, shard.number, state, owner)
        try:
            if held is None:
                answer = await self._cluster.create(SECRETS, namespace, document)
            else:
                document["metadata"] |= {"uid": held.uid, "resourceVersion": held.version}
                answer = await self._cluster.patch(SECRETS, namespace, name, document)
        except RefusedError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            answer = await self._cluster.get(SECRETS, namespace, name)
        self._owned[SECRETS].wrote(answer)


def _unix(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
