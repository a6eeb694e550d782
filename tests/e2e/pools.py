"""ProbePools, and the operator that runs them, as a platform team sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.cluster.waiting import DeadlineError, wait_until

if TYPE_CHECKING:
    from tests.cluster.apiclient import JsonObject
    from tests.cluster.node.node import OneNode

SYSTEM = "pollwatch-system"
_POOLS = "/apis/pollwatch.dev/v1alpha1/probepools"
_OWNED = "statefulsets,pods,services,secrets,poddisruptionbudgets,networkpolicies"


def pool(name: str, **spec: Any) -> JsonObject:
    """A ProbePool."""
    return {
        "apiVersion": "pollwatch.dev/v1alpha1",
        "kind": "ProbePool",
        "metadata": {"name": name},
        "spec": spec,
    }


def condition_of(document: JsonObject, kind: str) -> JsonObject:
    """A condition of an object, by its type; empty where it has none."""
    conditions = document.get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {})


def wait_for_condition(
    node: OneNode, path: str, kind: str, reason: str, *, seconds: float = 90
) -> JsonObject:
    """The condition of an object, once it has this reason."""

    def condition() -> JsonObject:
        found = condition_of(node.admin.get(path), kind)
        return found if found.get("reason") == reason else {}

    try:
        return wait_until(condition, what=f"{path}: {kind} with reason {reason}", within_seconds=seconds)
    except DeadlineError as error:
        error.add_note(f"its status: {node.admin.get(path).get('status')}")
        raise


def wait_for_pool(node: OneNode, name: str, kind: str, reason: str, *, seconds: float = 90) -> JsonObject:
    """The condition of a pool, once it has this reason."""
    return wait_for_condition(node, f"{_POOLS}/{name}", kind, reason, seconds=seconds)


def status_of_pool(node: OneNode, name: str) -> JsonObject:
    """The status of a pool."""
    return dict(node.admin.get(f"{_POOLS}/{name}").get("status", {}))


def delete_pool(node: OneNode, name: str) -> None:
    """Delete a pool, and return when nothing that was made of it is left.

    Raises:
        DeadlineError: Something stayed.
    """
    node.admin.delete(f"{_POOLS}/{name}")
    wait_until(
        lambda: owned_by(node, name) == [], what=f"nothing of the pool {name} to be left", within_seconds=90
    )


def owned_by(node: OneNode, name: str) -> list[str]:
    """What there is of a pool in the operator's namespace: `Kind/name` of each object."""
    listing = json.loads(
        node.kubectl(
            *("get", _OWNED, f"--namespace={SYSTEM}", f"--selector=pollwatch.dev/pool={name}"),
            "--output=json",
        )
    )
    return sorted(f"{item['kind']}/{item['metadata']['name']}" for item in listing["items"])


def in_worker(node: OneNode, pod: str, *command: str) -> str:
    """What a command prints in the pod of a worker."""
    return node.kubectl("exec", f"--namespace={SYSTEM}", pod, "--", *command)


def leader(node: OneNode) -> str:
    """The pod of the operator that leads; empty while none does."""
    lease = node.admin.get(f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/pollwatch")
    return str(lease["spec"].get("holderIdentity") or "").partition("_")[0]
