"""Looks at everything from outside: the API server, the workers' series, and what the site was asked for."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import httpx

from tests.chaos.judge import Hit
from tests.support.counting_site import HOSTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from tests.cluster.apiclient import ApiClient
    from tests.cluster.processes.local_node import LocalNode
    from tests.control.pool_stage import Pools
    from tests.support.counting_site import CountingSite

_SERIES = re.compile(rb'^probe_success\{[^}]*\bcheck="([^"]+)"', re.MULTILINE)
_VERDICTS = frozenset({"Up", "Degraded", "Down", "Unknown"})


class Witness:
    """Of one pool, and of the Checks of one namespace."""

    def __init__(
        self,
        admin: ApiClient,
        pools: Pools,
        site: CountingSite,
        node: LocalNode,
        *,
        pool: str,
        namespace: str,
        folder: Path,
    ) -> None:
        """Prepare it; what was seen last is left in `folder`, for whoever asks why."""
        self._admin, self._pools, self._site, self._node = admin, pools, site, node
        self._pool = pool
        self._checks = f"/apis/pollwatch.dev/v1alpha1/namespaces/{namespace}/checks"
        self._events = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        self._folder = folder
        self._begin = time.monotonic()

    def checks(self) -> dict[str, dict[str, Any]]:
        """All Checks, by name."""
        items = self._admin.get(self._checks)["items"]
        return {item["metadata"]["name"]: item for item in items}

    def complaints(self) -> Iterator[str]:
        """What the conditions of the pool say that is wrong."""
        conditions = {one["type"]: one for one in self._pools.status(self._pool).get("conditions", [])}
        for name in ("Accepted", "Ready", "Delivered"):
            found = conditions.get(name, {})
            if found.get("status") != "True":
                yield f"the pool's {name} is {found.get('reason')}: {found.get('message')}"

    def kept(self, gone: Collection[str]) -> Iterator[str]:
        """Checks that are gone and are probed still, and workers that do not say what they probe."""
        for pod in self._node.pods().values() if gone else ():
            try:
                shown = _checks_shown(pod.url)
            except httpx.TransportError:
                yield f"{pod.name} does not answer"
            else:
                yield from (
                    f"{name} was deleted and is still probed" for name in sorted(shown.intersection(gone))
                )

    def series(self) -> dict[str, set[str]]:
        """The Checks that each worker shows."""
        return {pod.name: _checks_shown(pod.url) for pod in self._node.pods().values()}

    def made(self) -> list[str]:
        """What is in the operator's namespace, without the Secrets."""
        return [name for name in self._pools.made() if not name.startswith("secrets/")]

    def hits(self) -> dict[str, list[Hit]]:
        """What the site was asked for, by path: each worker asks at an address of its own."""
        hits: dict[str, list[Hit]] = {}
        for worker, host in enumerate(HOSTS):
            for path, times in self._site.hits(host=host).items():
                hits.setdefault(path, []).extend(Hit(at, worker) for at in times)
        found = {path: sorted(of_path) for path, of_path in hits.items()}
        since = {path: [(at - self._begin, worker) for at, worker in each] for path, each in found.items()}
        (self._folder / "hits.json").write_text(json.dumps(since), encoding="utf-8")
        return found

    def told(self) -> dict[str, list[str]]:
        """The verdicts that Events tell, in order, by the uid of the Check."""
        told: dict[str, list[str]] = {}
        items = self._admin.get(self._events)["items"]
        (self._folder / "events.json").write_text(json.dumps(items, indent=1), encoding="utf-8")
        for item in sorted(items, key=lambda one: int(one["metadata"]["resourceVersion"])):
            if item["reason"] in _VERDICTS:
                told.setdefault(item["regarding"]["uid"], []).append(item["reason"])
        return told


def objects_of(pool: str, *, workers: int) -> list[str]:
    """What there is to be of a pool with so many workers, without the Secrets."""
    base = f"probepool-{pool}"
    return [
        f"services/{base}",
        f"poddisruptionbudgets/{base}",
        f"networkpolicies/{base}",
        *(f"statefulsets/{base}-{number}" for number in range(workers)),
        *(f"pods/{base}-{number}-0" for number in range(workers)),
    ]


def _checks_shown(url: str) -> set[str]:
    page = httpx.get(f"{url}/metrics", timeout=30.0).raise_for_status().content
    return {name.decode() for name in _SERIES.findall(page)}
