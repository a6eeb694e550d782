"""The pool that comes with an installation: made by the leader, and changed when the installation changes.

Helm cannot: it refuses to install an object of a kind that the same chart defines. What people change
by hand (`kubectl scale`) stays until the installation says something else.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog

from pollwatch.control.cluster import PROBE_POOLS, Cluster, ClusterError, RefusedError, Resource
from pollwatch.control.owner import owner_reference
from pollwatch.control.settings import InstalledPool
from pollwatch.control.work_queue import backoff

INSTALLED_DIGEST = "pollwatch.dev/installed-digest"
"""Annotation with the digest of what was applied: a pool without it is somebody else's."""

EVERY = 30.0
"""Seconds between two looks."""


class DefaultPool:
    """Keeps one pool as the installation has it."""

    def __init__(self, cluster: Cluster, installed: InstalledPool, *, random: Callable[[], float]) -> None:
        """Wire it.

        Args:
            cluster: the API server; fenced.
            installed: what there is to be.
            random: numbers in [0, 1), for jitter.
        """
        self._cluster = cluster
        self._installed = installed
        self._random = random
        self._log = structlog.get_logger("pollwatch.pools")
        self._is_foreign = False

    async def run(self) -> None:
        """Keep it, until cancelled."""
        failures = 0
        while True:
            try:
                await self.ensure()
                failures = 0
            except ClusterError as error:
                failures += 1
                self._log.warning("default pool not made", pool=self._installed.name, error=str(error))
            await asyncio.sleep(backoff(failures, jitter=self._random()) if failures else EVERY)

    async def ensure(self) -> None:
        """Make the pool, or bring it up to date where the installation was changed since.

        Raises:
            ClusterError: the API server did not answer, or refused.
        """
        document = await self._wanted()
        held = await self._find(PROBE_POOLS, self._installed.name)
        if held is None:
            await self._cluster.apply(PROBE_POOLS, None, document)
            self._log.info("default pool made", pool=self._installed.name)
            return
        if "deletionTimestamp" in held["metadata"]:
            return
        applied = (held["metadata"].get("annotations") or {}).get(INSTALLED_DIGEST)
        if applied is None:
            self._leave()
        elif applied != document["metadata"]["annotations"][INSTALLED_DIGEST]:
            await self._cluster.apply(PROBE_POOLS, None, document)
            self._log.info("default pool changed", pool=self._installed.name)

    def _leave(self) -> None:
        if not self._is_foreign:
            self._log.info("default pool was made by somebody else, and is left", pool=self._installed.name)
        self._is_foreign = True

    async def _wanted(self) -> dict[str, Any]:
        metadata = {**self._installed.document["metadata"]}
        if self._installed.owner is not None:
            metadata["ownerReferences"] = [await owner_reference(self._cluster, self._installed.owner)]
        document = {**self._installed.document, "metadata": metadata}
        digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
        metadata["annotations"] = {**(metadata.get("annotations") or {}), INSTALLED_DIGEST: digest}
        return document

    async def _find(self, resource: Resource, name: str) -> dict[str, Any] | None:
        try:
            return await self._cluster.get(resource, None, name)
        except RefusedError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise
