"""What a worker's Pod says of it: where it is, whether it runs, and why not."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pollwatch.api.pool_conditions import PoolReadyReason
from pollwatch.control.pools.names import HTTP_PORT, PORT_NUMBER

_LONGEST = 300
"""Characters of what Kubernetes says that are passed on."""

_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CONFIGURATION = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PodProblem:
    """Why a worker is not ready."""

    reason: PoolReadyReason
    message: str
    """For people: what Kubernetes says, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """One worker's Pod."""

    name: str
    uid: str
    made_at: float
    """Unix seconds."""
    url: str | None
    """Where the worker listens: `http://HOST:PORT`; `None`: it has no address."""
    ready: bool
    may_run: bool
    """Whether the worker's process may be running. Not so only where that is certain."""
    node_lost: bool = False
    """Whether Kubernetes has heard nothing of its node for long: nobody there can say how the Pod is."""
    problem: PodProblem | None = None


def read_pod(pod: Mapping[str, Any]) -> PodFacts:
    """Read a Pod (core/v1)."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or []}
    containers = status.get("containerStatuses") or []
    ready = conditions.get("Ready", {}).get("status") == "True" and "deletionTimestamp" not in metadata
    node_lost = _is_node_lost(conditions)
    return PodFacts(
        name=metadata["name"],
        uid=metadata["uid"],
        made_at=datetime.fromisoformat(metadata["creationTimestamp"]).timestamp(),
        url=_url(pod, status.get("podIP")),
        ready=ready,
        may_run=_may_run(status, containers),
        node_lost=node_lost,
        problem=None if ready else _problem(metadata, status, conditions, containers),
    )


def _is_node_lost(conditions: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the Pod was declared not ready by another one than its kubelet.

    A kubelet says of a Pod without readiness gates that it is not ready when its containers are not. The
    node lifecycle controller takes the readiness of all Pods away from a node that it does not hear of
    any more (after 40 s, 50 s since Kubernetes 1.32), and leaves what was said of containers as it was.

    References:
        https://kubernetes.io/docs/concepts/architecture/nodes/#node-status
        https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/util/node/controller_utils.go
    """
    said = [conditions.get(name, {}).get("status") for name in ("Ready", "ContainersReady")]
    return said == ["False", "True"]


def _may_run(status: Mapping[str, Any], containers: Iterable[Mapping[str, Any]]) -> bool:
    if status.get("phase") == "Pending":
        return False
    states = [one.get("state") or {} for one in containers]
    # A kubelet that is out of reach says nothing more: what it said last may be over.
    return not states or not all("waiting" in state or "terminated" in state for state in states)


def _url(pod: Mapping[str, Any], address: str | None) -> str | None:
    if not address:
        return None
    ports = (
        port["containerPort"]
        for container in pod["spec"].get("containers") or []
        for port in container.get("ports") or []
        if port.get("name") == HTTP_PORT
    )
    host = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address  # noqa: PLR2004
    return f"http://{host}:{next(ports, PORT_NUMBER)}"


def _problem(
    metadata: Mapping[str, Any],
    status: Mapping[str, Any],
    conditions: Mapping[str, Mapping[str, Any]],
    containers: Iterable[Mapping[str, Any]],
) -> PodProblem | None:
    name = metadata["name"]
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        said = _short(scheduled.get("message", "no node takes it"))
        return PodProblem(
            reason=PoolReadyReason.UNSCHEDULABLE,
            message=f"pod {name} cannot be scheduled: {said} Change nodeSelector, affinity, tolerations or"
            " resources in spec.template, or add nodes.",
        )
    for container in containers:
        waiting = (container.get("state") or {}).get("waiting")
        if waiting is not None and (problem := _waiting(metadata, container, waiting)) is not None:
            return problem
    if status.get("phase") == "Failed":
        said = _short(status.get("message") or status.get("reason") or "no reason is given")
        return PodProblem(
            reason=PoolReadyReason.WORKERS_FAILING,
            message=f"pod {name} failed: {said}",
        )
    if _is_node_lost(conditions):
        return PodProblem(
            reason=PoolReadyReason.WORKERS_NOT_READY,
            message=f"pod {name}: its node is not heard of. The other workers of the pool probe its Checks"
            " until it is back. It will not be? kubectl taint node NODE"
            " node.kubernetes.io/out-of-service=nodeshutdown:NoExecute has the pod made anew elsewhere.",
        )
    return None


def _waiting(
    metadata: Mapping[str, Any], container: Mapping[str, Any], waiting: Mapping[str, Any]
) -> PodProblem | None:
    name = metadata["name"]
    reason, said = waiting.get("reason", ""), _short(waiting.get("message", ""))
    image = container.get("image", "")
    if reason in _IMAGE:
        return PodProblem(
            reason=PoolReadyReason.IMAGE_UNAVAILABLE,
            message=f"pod {name}: {reason} for image {image}: {said} Mend spec.template.image, or give"
            " spec.template.imagePullSecrets.",
        )
    if reason in _CONFIGURATION:
        return PodProblem(
            reason=PoolReadyReason.WORKERS_FAILING,
            message=f"pod {name}: {reason}: {said} Mend env or volumes in spec.template, or make what"
            " they refer to.",
        )
    if reason == "CrashLoopBackOff":
        last = (container.get("lastState") or {}).get("terminated") or {}
        told = _short(last.get("message") or f"exit code {last.get('exitCode', 'unknown')}")
        return PodProblem(
            reason=PoolReadyReason.WORKERS_FAILING,
            message=f"pod {name} ends again and again, last with: {told}"
            f" kubectl -n {metadata['namespace']} logs --previous {name} says more.",
        )
    return None


def _short(text: str) -> str:
    """One line that ends as a sentence does."""
    line = " ".join(text.split())[:_LONGEST].rstrip(".")
    return f"{line}."
