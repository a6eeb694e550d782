"""Writes plans to Secrets: only what changed, never over what somebody else wrote since.

The resource version that was seen last goes with each write as a precondition. So the API server
turns a leader away that has been replaced without knowing it, and only what was written is pushed.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pollwatch.control.cluster import Cluster, RefusedError
from pollwatch.control.pools.names import MOST_PARTS, labels, plan_name, stateful_set_name
from pollwatch.control.pools.owned import (
    PLAN_FILE,
    PLAN_TYPE,
    SECRETS,
    STATEFUL_SETS,
    HeldObject,
    OwnedObjects,
    data_digest,
)
from pollwatch.control.pools.shards import Shard
from pollwatch.plan.codec import MAX_REVISION, EncodedPlan, Header, PlanError, read_header

MOST_BELIEVED = MAX_REVISION // 2
"""The highest revision that a worker is believed to have: one that was taken over could otherwise drive
ours to the end of what a plan may have, and no worker would ever take one again."""


class OvertakenError(Exception):
    """A Secret was changed by somebody else meanwhile; what is known of it was read anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a plan that was to be delivered."""

    plan: EncodedPlan
    revision: int
    wrote: bool
    """Whether the Secrets had to be written."""
    edited: tuple[str, ...] = ()
    """Names of Secrets that somebody else had changed; they are as they must be again."""


def plan_secrets(plan: EncodedPlan, revision: int, shard: Shard) -> list[tuple[str, dict[str, str]]]:
    """Give name and data (values in base64) of each Secret of a plan; the one with the header is last.

    A kubelet that reads them between two writes finds parts that do not fit the header, and the
    worker waits for the rest.
    """
    parts = plan.parts or (b"",)
    secrets = [
        (plan_name(shard.pool, shard.number, number), {f"part-{number:03}": _base64(part)})
        for number, part in enumerate(parts)
    ]
    secrets[0][1][PLAN_FILE] = _base64(plan.header(revision))
    return [*secrets[1:], secrets[0]]


def held_header(held: HeldObject | None) -> Header | None:
    """Read the header in a Secret; `None`: there is none that can be read."""
    if held is None:
        return None
    try:
        line = base64.b64decode((held.document.get("data") or {}).get(PLAN_FILE, ""))
        return read_header(line)
    except (ValueError, PlanError):
        return None


class Delivery:
    """Writes the plans of shards."""

    def __init__(self, cluster: Cluster, owned: OwnedObjects, *, now: Callable[[], float]) -> None:
        """Wire it; `now` gives Unix seconds."""
        self._cluster = cluster
        self._owned = owned
        self._now = now

    async def deliver(self, shard: Shard, *, owner: Mapping[str, Any], live_revision: int) -> Outcome:
        """Have the Secrets of a shard hold its plan.

        Args:
            shard: whose plan; it is told what was written.
            owner: the reference to the ProbePool.
            live_revision: what the worker says that it probes by; the plan goes above it when it has
                to: after a restore of etcd, the Secrets may be older than what is probed.

        Raises:
            PlanTooLargeError: the plan does not fit.
            OvertakenError: try again.
            ClusterError: a write failed.
        """
        plan = shard.encode()
        if live_revision > MOST_BELIEVED:
            live_revision = 0
        secrets = self._owned[SECRETS]
        held = {
            name: found
            for part in range(MOST_PARTS)
            if (found := secrets.get(name := plan_name(shard.pool, shard.number, part))) is not None
        }
        digests = {name: each.data for name, each in held.items()}
        # What we wrote ourselves needs not be read.
        known = bool(shard.written) and digests == shard.written
        header = None if known else held_header(held.get(plan_name(shard.pool, shard.number)))
        revision = max(shard.revision, header.revision if header is not None else 0)
        if not revision and (held or self._has_worker(shard)):
            # Somebody edited or deleted what said which revision its worker probes by. We may not have
            # heard it yet: what it has is below the milliseconds of now.
            revision = int(self._now() * 1000)
        marks = labels(shard.pool, shard.number)
        ours = all(each.belongs_to(owner["uid"], marks) for each in held.values())
        if ours and revision and revision >= live_revision and not (known and _is_other(shard, plan)):
            wanted = plan_secrets(plan, revision, shard)
            if digests == {name: data_digest(data) for name, data in wanted}:
                return _done(shard, plan, revision, digests, wrote=False)
        edited = _edited(shard, plan, header, digests)
        revision = max(revision, live_revision) + 1
        written: dict[str, str] = {}
        for name, data in plan_secrets(plan, revision, shard):
            written[name] = data_digest(data)
            await self._write(shard, name, data, written[name], held.pop(name, None), owner)
        for rest in held.values():
            await self._delete(rest)
        return _done(shard, plan, revision, written, wrote=True, edited=edited)

    def _has_worker(self, shard: Shard) -> bool:
        return self._owned[STATEFUL_SETS].get(stateful_set_name(shard.pool, shard.number)) is not None

    async def _write(
        self,
        shard: Shard,
        name: str,
        data: Mapping[str, str],
        digest: str,
        held: HeldObject | None,
        owner: Mapping[str, Any],
    ) -> None:
        marks = labels(shard.pool, shard.number)
        metadata = {"labels": marks, "ownerReferences": [owner]}
        document = {"apiVersion": "v1", "kind": SECRETS.kind, "type": PLAN_TYPE, "data": data}
        try:
            # What is written is known, and long: it needs not be sent back.
            if held is None:
                answer = await self._cluster.create(
                    SECRETS,
                    self._owned.namespace,
                    {**document, "metadata": {"name": name, **metadata}},
                    metadata_only=True,
                )
            elif held.data == digest and held.belongs_to(owner["uid"], marks):
                return
            else:
                gone: dict[str, None] = dict.fromkeys(held.document.get("data") or {})
                precondition = {"uid": held.uid, "resourceVersion": held.version}
                answer = await self._cluster.patch(
                    SECRETS,
                    self._owned.namespace,
                    name,
                    {"metadata": {**metadata, **precondition}, "data": {**gone, **data}},
                    metadata_only=True,
                )
        except RefusedError as error:
            await self._refused(name, held, error)
            raise OvertakenError(name) from error
        self._owned[SECRETS].wrote({**document, "metadata": answer["metadata"]})

    async def _refused(self, name: str, held: HeldObject | None, error: RefusedError) -> None:
        """See what is there instead of what was thought to be; other errors go on."""
        if error.code == HTTPStatus.UNPROCESSABLE_ENTITY and held is not None:
            # Made immutable, or of another type: it cannot be mended, only be made again.
            await self._delete(held)
            return
        if error.code not in (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
            raise error
        await self._read(name, held)

    async def _read(self, name: str, held: HeldObject | None) -> None:
        try:
            found = await self._cluster.get(SECRETS, self._owned.namespace, name)
        except RefusedError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise
            if held is not None:
                self._owned.gone(SECRETS, held)
        else:
            self._owned[SECRETS].seen(found)

    async def _delete(self, held: HeldObject) -> None:
        try:
            await self._cluster.delete(SECRETS, self._owned.namespace, held.name, uid=held.uid)
        except RefusedError as error:
            if error.code not in (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
                raise
        self._owned.gone(SECRETS, held)


def _done(
    shard: Shard,
    plan: EncodedPlan,
    revision: int,
    digests: Mapping[str, str],
    *,
    wrote: bool,
    edited: tuple[str, ...] = (),
) -> Outcome:
    shard.delivered, shard.revision, shard.written = plan, revision, digests
    return Outcome(plan=plan, revision=revision, wrote=wrote, edited=edited)


def _is_other(shard: Shard, plan: EncodedPlan) -> bool:
    """Whether a plan is surely not the one that was delivered last."""
    return shard.delivered is not None and shard.delivered.digest != plan.digest


def _edited(
    shard: Shard, plan: EncodedPlan, header: Header | None, digests: Mapping[str, str]
) -> tuple[str, ...]:
    """Name the Secrets that are not as we, or the leader before us, left them."""
    if shard.written:
        return tuple(sorted(name for name, digest in digests.items() if shard.written.get(name) != digest))
    if not digests:
        return ()
    head = plan_name(shard.pool, shard.number)
    # The plan of now under a readable header, and something else in the Secrets: no operator writes that.
    if header is None or header.digest == plan.digest:
        return (head,)
    return ()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
