"""ProbePools as a platform team handles them, and what an operator makes of them."""

from __future__ import annotations

import base64
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cluster.apiclient import ApiError
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.controlplane import ControlPlane

SYSTEM_NAMESPACE = "pollwatch-system"
WORKER_IMAGE = "pollwatch:test"
POOLS = "/apis/pollwatch.dev/v1alpha1/probepools"

LOOPBACK = {"cidrs": ["127.0.0.0/8", "::1/128"]}
"""What is probed in tests: protected, unless a pool allows it."""

OURS = "app.kubernetes.io/managed-by=pollwatch,app.kubernetes.io/component=worker"

_MADE = (
    f"/apis/apps/v1/namespaces/{SYSTEM_NAMESPACE}/statefulsets",
    f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/services",
    f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets",
    f"/apis/policy/v1/namespaces/{SYSTEM_NAMESPACE}/poddisruptionbudgets",
    f"/apis/networking.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}/networkpolicies",
    f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/pods",
)
_LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM_NAMESPACE}/leases/pollwatch"


def worker_image(folder: Path, hosts: Mapping[str, tuple[str, ...]] | None = None) -> Path:
    """The programs of a worker's image: this very checkout, with a hosts file where names are given.

    Args:
        folder: Made, and filled.
        hosts: Names that workers resolve, and their addresses.
    """
    folder.mkdir(parents=True)
    program = Path(sys.executable).with_name("pollwatch")
    options = ""
    if hosts:
        file = folder / "hosts"
        lines = [f"{address} {name}" for name, addresses in hosts.items() for address in addresses]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        options = f" --hosts {shlex.quote(str(file))}"
    script = folder / "pollwatch"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(program))} "$@"{options}\n', encoding="utf-8")
    script.chmod(0o755)
    return folder


class Pools:
    """The ProbePools of a cluster, and the objects in the operator's namespace."""

    def __init__(self, cluster: ControlPlane) -> None:
        self._admin = cluster.admin

    def create(self, name: str, **spec: Any) -> dict[str, Any]:
        """Make a pool that may probe what listens on this machine."""
        return self._admin.post(
            POOLS,
            {
                "apiVersion": "pollwatch.dev/v1alpha1",
                "kind": "ProbePool",
                "metadata": {"name": name},
                "spec": {"egress": {"allow": [LOOPBACK]}} | spec,
            },
        )

    def change(self, name: str, **spec: Any) -> None:
        self._admin.patch(f"{POOLS}/{name}", {"spec": spec})

    def delete(self, name: str) -> None:
        self._admin.delete(f"{POOLS}/{name}")

    def get(self, name: str) -> dict[str, Any]:
        return self._admin.get(f"{POOLS}/{name}")

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(name).get("status", {})
        return found

    def condition(self, name: str, condition_type: str) -> dict[str, Any]:
        """A condition; empty when it is not there."""
        conditions = self.status(name).get("conditions", [])
        return next((one for one in conditions if one["type"] == condition_type), {})

    def wait_reason(
        self, name: str, condition_type: str, reason: str, within_seconds: float = 60.0
    ) -> dict[str, Any]:
        """Wait until a condition has a reason, and return it."""

        def condition() -> dict[str, Any] | None:
            found = self.condition(name, condition_type)
            return found if found.get("reason") == reason else None

        try:
            found = wait_until(
                condition, what=f"{condition_type} of {name} to be {reason}", within_seconds=within_seconds
            )
        except AssertionError as error:
            raise AssertionError(f"{error}; its status is {self.status(name)}") from None
        return found or {}

    def wait_ready(self, name: str) -> None:
        """Wait until every worker runs and probes by its plan."""
        self.wait_reason(name, "Ready", "Ready")
        self.wait_reason(name, "Delivered", "Delivered")

    def wait_workers(self, name: str, count: int) -> None:
        """Wait until the status speaks of so many workers."""
        wait_until(
            lambda: len(self.status(name).get("workers", ())) == count,
            what=f"{name} to have {count} workers",
            within_seconds=60,
        )

    def made(self, pool: str = "") -> list[str]:
        """What is in the operator's namespace on behalf of a pool, or of any: `statefulsets/NAME`, ..."""
        selector = OURS + (f",pollwatch.dev/pool={pool}" if pool else "")
        return [
            f"{path.rpartition('/')[2]}/{item['metadata']['name']}"
            for path in _MADE
            for item in self._admin.get(path, labelSelector=selector)["items"]
        ]

    def delete_made(self, name: str) -> None:
        """Delete an object that was made for a pool, named as `made` does."""
        plural, _, name = name.partition("/")
        (path,) = (path for path in _MADE if path.endswith(f"/{plural}"))
        self._admin.delete(f"{path}/{name}")

    def secret(self, name: str) -> dict[str, bytes]:
        """The files of a Secret of the operator's namespace."""
        found = self._admin.get(f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets/{name}")
        return {key: base64.b64decode(value) for key, value in found.get("data", {}).items()}

    def spoil_secret(self, name: str, **data: bytes) -> None:
        """Edit a Secret by hand."""
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        self._admin.patch(f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/secrets/{name}", {"data": encoded})

    def holder(self) -> str:
        """Who has the Lease."""
        try:
            return str(self._admin.get(_LEASE)["spec"].get("holderIdentity") or "")
        except ApiError as error:
            if error.status != 404:
                raise
            return ""

    def clear(self) -> None:
        """Delete all pools and all that was made of them: no garbage collector runs any more."""
        for pool in self._admin.get(POOLS)["items"]:
            self.delete(pool["metadata"]["name"])
        for path in _MADE:
            self._admin.delete(path, labelSelector=OURS, gracePeriodSeconds=0)
        for pod in self._admin.get(_MADE[-1])["items"]:
            self._admin.delete(f"{_MADE[-1]}/{pod['metadata']['name']}", gracePeriodSeconds=0)
        if self.holder():
            self._admin.delete(_LEASE)
