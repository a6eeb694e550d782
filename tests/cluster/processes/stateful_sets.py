"""What a StatefulSet's controller does next, and what it says: `Parallel`, `RollingUpdate`.

Pure functions over the objects as they are; `LocalNode` carries out what they say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.cluster.processes.pod_template import pod_of, revision_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.cluster.apiclient import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Pods to create, and Pods to delete."""

    create: list[JsonObject] = field(default_factory=list)
    delete: list[JsonObject] = field(default_factory=list)


def next_step(stateful_set: JsonObject, pods: Iterable[JsonObject]) -> Step:
    """Bring the Pods of a StatefulSet a step nearer to what it wants.

    A Pod with an old template goes when all those of the new one are ready; its successor is
    created when it is gone, as two Pods cannot have one name.
    """
    if "deletionTimestamp" in stateful_set["metadata"]:
        return Step()
    owned = owned_by(stateful_set, pods)
    wanted = [pod_of(stateful_set, ordinal) for ordinal in range(stateful_set["spec"].get("replicas", 1))]
    names = {pod["metadata"]["name"] for pod in wanted}
    revision = revision_of(stateful_set["spec"]["template"])
    surplus = [pod for name, pod in owned.items() if name not in names or _has_ended(pod)]
    outdated = [pod for name, pod in owned.items() if name in names and _revision(pod) != revision]
    updated_but_not_ready = [
        pod for name, pod in owned.items() if _revision(pod) == revision and not is_ready(pod)
    ]
    rolled = [] if updated_but_not_ready else outdated[-1:]
    return Step(
        create=[pod for pod in wanted if pod["metadata"]["name"] not in owned],
        delete=[pod for pod in surplus + rolled if "deletionTimestamp" not in pod["metadata"]],
    )


def status_of(stateful_set: JsonObject, pods: Iterable[JsonObject]) -> JsonObject:
    """The status of a StatefulSet."""
    owned = list(owned_by(stateful_set, pods).values())
    revision = revision_of(stateful_set["spec"]["template"])
    updated = [pod for pod in owned if _revision(pod) == revision]
    ready = sum(is_ready(pod) for pod in owned)
    rolled_out = len(updated) == stateful_set["spec"].get("replicas", 1) and all(map(is_ready, updated))
    before = stateful_set.get("status", {}).get("currentRevision", "")
    update_revision = f"{stateful_set['metadata']['name']}-{revision}"
    current = update_revision if rolled_out or not before else before
    return {
        "observedGeneration": stateful_set["metadata"]["generation"],
        "replicas": len(owned),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "updatedReplicas": len(updated),
        "currentReplicas": sum(current.endswith(f"-{_revision(pod)}") for pod in owned),
        "currentRevision": current,
        "updateRevision": update_revision,
        "collisionCount": 0,
    }


def owned_by(owner: JsonObject, pods: Iterable[JsonObject]) -> dict[str, JsonObject]:
    """The Pods of a StatefulSet, by name."""
    return {
        pod["metadata"]["name"]: pod
        for pod in pods
        for reference in pod["metadata"].get("ownerReferences", ())
        if reference["uid"] == owner["metadata"]["uid"]
    }


def is_ready(pod: JsonObject) -> bool:
    """Whether a Pod has the condition Ready, and is not on its way out."""
    return "deletionTimestamp" not in pod["metadata"] and any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod.get("status", {}).get("conditions", ())
    )


def _revision(pod: JsonObject) -> str:
    return str(pod["metadata"].get("labels", {}).get("controller-revision-hash", ""))


def _has_ended(pod: JsonObject) -> bool:
    return pod.get("status", {}).get("phase") in {"Failed", "Succeeded"}
