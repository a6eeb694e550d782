"""What a whole installation looks like, read from the cluster once: for `pollwatch status`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pollwatch.control.cluster import PROBE_POOLS, Cluster, RefusedError
from pollwatch.control.lease import LEASE, LEASES


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """Who leads."""

    holder: str
    """Empty: nobody."""
    renewed: float | None
    """Seconds ago; `None`: never."""
    expires_after: float
    """Seconds without renewal after which it leads no more."""

    @property
    def leads(self) -> bool:
        """Whether the holder can still be leading."""
        return bool(self.holder) and self.renewed is not None and self.renewed <= self.expires_after


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """One worker of a pool; `None` where its operator has not said yet."""

    name: str
    ready: bool
    checks: int | None
    targets: int | None
    utilisation: int | None
    """Per cent of a core."""
    lateness: int | None
    """99th percentile, milliseconds."""
    lag: int | None
    """Seconds since its feed was heard."""
    revision: int | None
    """Of the plan that was written for it."""
    live: int | None
    """Of the plan that it probes by."""
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRow:
    """One pool."""

    name: str
    replicas: int
    ready: int
    checks: int | None
    targets: int | None
    probes_per_second: int | None
    utilisation: int | None
    lateness: int | None
    problems: tuple[str, ...]
    """One line for each condition that is not as it should be: `Ready: Unschedulable: ...`."""
    workers: tuple[WorkerRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The installation."""

    server: str
    leader: Leader | None
    """`None`: no operator has ever stood for election."""
    pools: tuple[PoolRow, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing asks for attention."""
        led = self.leader is not None and self.leader.leads
        return led and not any(
            pool.problems or any(worker.problem for worker in pool.workers) for pool in self.pools
        )


async def look(cluster: Cluster, *, system_namespace: str, now: float) -> Overview:
    """Read what there is.

    Args:
        cluster: Where to look.
        system_namespace: The operator's.
        now: Unix seconds.

    Raises:
        ClusterError: The API server did not answer, or refused.
    """
    pools = [pool_row(document) async for page in cluster.pages(PROBE_POOLS, None) for document in page]
    access = await cluster.credentials.access()
    return Overview(
        server=access.server,
        leader=await _leader(cluster, system_namespace, now),
        pools=tuple(sorted(pools, key=lambda pool: pool.name)),
    )


async def _leader(cluster: Cluster, namespace: str, now: float) -> Leader | None:
    try:
        lease = await cluster.get(LEASES, namespace, LEASE)
    except RefusedError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        raise
    spec = lease.get("spec") or {}
    renewed = spec.get("renewTime")
    return Leader(
        holder=spec.get("holderIdentity") or "",
        renewed=None if renewed is None else max(0.0, now - _unix(renewed)),
        expires_after=float(spec.get("leaseDurationSeconds") or 0),
    )


def pool_row(document: Mapping[str, Any]) -> PoolRow:
    """Read a ProbePool as the API server shows it."""
    status = document.get("status") or {}
    conditions: Sequence[Mapping[str, Any]] = status.get("conditions") or ()
    problems = [
        f"{condition['type']}: {condition['reason']}: {condition['message']}"
        for condition in conditions
        if condition["status"] != "True"
    ]
    if not conditions:
        problems = ["no operator has looked at it yet"]
    return PoolRow(
        name=document["metadata"]["name"],
        replicas=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        checks=status.get("checks"),
        targets=status.get("targets"),
        probes_per_second=status.get("probesPerSecond"),
        utilisation=status.get("utilisationPercent"),
        lateness=status.get("latenessMilliseconds"),
        problems=tuple(problems),
        workers=tuple(_worker_row(worker) for worker in status.get("workers") or ()),
    )


def _worker_row(worker: Mapping[str, Any]) -> WorkerRow:
    return WorkerRow(
        name=worker["name"],
        ready=bool(worker.get("ready")),
        checks=worker.get("checks"),
        targets=worker.get("targets"),
        utilisation=worker.get("utilisationPercent"),
        lateness=worker.get("latenessMilliseconds"),
        lag=worker.get("feedLagSeconds"),
        revision=worker.get("revision"),
        live=worker.get("liveRevision"),
        problem=worker.get("problem") or "",
    )


def _unix(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
