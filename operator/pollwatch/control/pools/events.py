"""Kubernetes Events about ProbePools."""

import hashlib
from http import HTTPStatus

import structlog

from pollwatch.control.cluster import PROBE_POOLS, Cluster, ClusterError, RefusedError
from pollwatch.control.conditions import rfc3339
from pollwatch.plan.clock import Clock

NAMESPACE = "default"
"""Of Events about objects that are in none."""

MAX_NOTE = 1024
"""Longest note that the API accepts, in bytes."""


class PoolEvents:
    """Posts Events. Losing one is no error: conditions are the record."""

    def __init__(self, cluster: Cluster, *, instance: str, clock: Clock) -> None:
        """Wire it; `instance` is who reports: the name of the Pod or host."""
        self._cluster = cluster
        self._instance = instance
        self._clock = clock
        self._log = structlog.get_logger("pollwatch.pools")

    async def warn(self, pool: str, uid: str, *, reason: str, action: str, note: str) -> None:
        """Post a warning; the same one in the same second is one."""
        now = self._clock.time()
        digest = hashlib.sha256(f"{uid}\0{reason}\0{rfc3339(now)}\0{note}".encode()).hexdigest()[:16]
        document = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{pool}.{digest}", "namespace": NAMESPACE},
            "eventTime": rfc3339(now).replace("Z", ".000000Z"),
            "type": "Warning",
            "reason": reason,
            "action": action,
            "note": note.encode()[:MAX_NOTE].decode(errors="ignore"),
            "regarding": {
                "apiVersion": PROBE_POOLS.api_version,
                "kind": PROBE_POOLS.kind,
                "name": pool,
                "uid": uid,
            },
            "reportingController": "pollwatch.dev/operator",
            "reportingInstance": self._instance[:128],
        }
        try:
            await self._cluster.create_event(NAMESPACE, document)
        except ClusterError as error:
            if not (isinstance(error, RefusedError) and error.code == HTTPStatus.CONFLICT):
                self._log.warning("event was not posted", pool=pool, reason=reason, error=str(error))
