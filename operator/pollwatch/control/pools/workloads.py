"""From a ProbePool to the objects that run its workers: pure functions to documents.

Each shard has a StatefulSet of one replica: a pod template cannot name a Secret by its ordinal,
and one set of many would give every worker the plans, and the secrets, of all.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pollwatch.api.pool import ProbePool
from pollwatch.control.cluster import PROBE_POOLS
from pollwatch.control.pools.names import (
    HTTP_PORT,
    MOST_PARTS,
    PORT_NUMBER,
    base_name,
    keys_name,
    labels,
    plan_name,
    stateful_set_name,
)

PLAN_FOLDER = "/etc/pollwatch/plan"

SPEC_DIGEST = "pollwatch.dev/spec-digest"
"""Annotation with the digest of what was applied: tells whether a shard has the template of now."""

USER = 65532
"""`nonroot` of the common base images."""

READ_ONLY = 0o440

RESOURCES: dict[str, Any] = {
    "requests": {"cpu": "250m", "memory": "192Mi"},
    "limits": {"memory": "768Mi"},
}
"""What a worker asks for when the pool says nothing: enough for thousands of Checks (docs/benchmarks.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes the documents of one pool."""

    pool: ProbePool
    """As the API server shows it, with its uid."""
    image: str
    """Of workers, where the pool names none."""

    @property
    def owner(self) -> dict[str, Any]:
        """The reference by which Kubernetes' garbage collector deletes what is made, after the pool."""
        return {
            "apiVersion": PROBE_POOLS.api_version,
            "kind": PROBE_POOLS.kind,
            "name": self.pool.name,
            "uid": self.pool.metadata.uid,
            "controller": True,
        }

    def service(self) -> dict[str, Any]:
        """Build the headless Service: names for the pods, and what Prometheus discovers."""
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": self._metadata(base_name(self.pool.name)),
            "spec": {
                "clusterIP": "None",
                # Who probes already is to be scraped, ready or not.
                "publishNotReadyAddresses": True,
                "selector": labels(self.pool.name),
                "ports": [{"name": HTTP_PORT, "port": PORT_NUMBER, "targetPort": HTTP_PORT}],
            },
        }

    def disruption_budget(self) -> dict[str, Any]:
        """Build the PodDisruptionBudget: nodes are drained one worker at a time."""
        return {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": self._metadata(base_name(self.pool.name)),
            "spec": {
                "maxUnavailable": 1,
                "selector": {"matchLabels": labels(self.pool.name)},
                # A worker that does not start must not keep a node from being drained.
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
        }

    def stateful_set(self, shard: int) -> dict[str, Any]:
        """Build the StatefulSet of one shard."""
        name = self.pool.name
        document = {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": self._metadata(stateful_set_name(name, shard), shard),
            "spec": {
                "replicas": 1,
                "podManagementPolicy": "Parallel",
                "revisionHistoryLimit": 2,
                "serviceName": base_name(name),
                "selector": {"matchLabels": labels(name, shard)},
                "template": self._pod(shard),
            },
        }
        digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
        document["metadata"] = {**self._metadata(stateful_set_name(name, shard), shard)} | {
            "annotations": {SPEC_DIGEST: digest}
        }
        return document

    def _metadata(self, name: str, shard: int | None = None) -> dict[str, Any]:
        return {"name": name, "labels": labels(self.pool.name, shard), "ownerReferences": [self.owner]}

    def _pod(self, shard: int) -> dict[str, Any]:
        template = self.pool.spec.template
        metadata: dict[str, Any] = {"labels": {**template.labels, **labels(self.pool.name, shard)}}
        if template.annotations:
            metadata["annotations"] = dict(template.annotations)
        spec: dict[str, Any] = {
            # Workers talk to strangers: nothing of the cluster is theirs.
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationGracePeriodSeconds": 20,
            "containers": [self._container()],
            "volumes": [self._plan_volume(shard), *_plain(template.volumes)],
            "topologySpreadConstraints": _plain(template.topology_spread_constraints)
            or [_over_nodes(self.pool.name)],
        }
        overlay = {
            "imagePullSecrets": _plain(template.image_pull_secrets),
            "nodeSelector": dict(template.node_selector),
            "tolerations": _plain(template.tolerations),
            "affinity": template.affinity,
            "priorityClassName": template.priority_class_name,
        }
        spec.update((field, value) for field, value in overlay.items() if value)
        return {"metadata": metadata, "spec": spec}

    def _container(self) -> dict[str, Any]:
        template = self.pool.spec.template
        container: dict[str, Any] = {
            "name": "worker",
            "image": template.image or self.image,
            "command": ["pollwatch"],
            "args": ["worker", f"--plan={PLAN_FOLDER}", f"--listen=:{PORT_NUMBER}"],
            "env": [
                # The kubelet and whatever else listens on the node are none of a target.
                {
                    "name": "POLLWATCH_NODE_ADDRESSES",
                    "valueFrom": {"fieldRef": {"fieldPath": "status.hostIPs"}},
                },
                *_plain(template.env),
            ],
            "ports": [{"name": HTTP_PORT, "containerPort": PORT_NUMBER, "protocol": "TCP"}],
            "readinessProbe": {
                "httpGet": {"path": "/readyz", "port": HTTP_PORT},
                "periodSeconds": 5,
                "timeoutSeconds": 5,
            },
            "livenessProbe": {
                "httpGet": {"path": "/healthz", "port": HTTP_PORT},
                "periodSeconds": 10,
                "timeoutSeconds": 5,
            },
            "resources": RESOURCES
            if template.resources is None
            else template.resources.model_dump(by_alias=True, exclude_defaults=True),
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [
                {"name": "pollwatch-plan", "mountPath": PLAN_FOLDER, "readOnly": True},
                *({**mount, "readOnly": True} for mount in _plain(template.volume_mounts)),
            ],
        }
        if template.image_pull_policy is not None:
            container["imagePullPolicy"] = template.image_pull_policy
        return container

    def _plan_volume(self, shard: int) -> dict[str, Any]:
        name = self.pool.name
        needed = [plan_name(name, shard), keys_name(name, shard)]
        more = [plan_name(name, shard, part) for part in range(1, MOST_PARTS)]
        sources: list[dict[str, Any]] = [{"secret": {"name": secret}} for secret in needed]
        sources += ({"secret": {"name": secret, "optional": True}} for secret in more)
        return {"name": "pollwatch-plan", "projected": {"defaultMode": READ_ONLY, "sources": sources}}


def _over_nodes(pool: str) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels(pool)},
    }


def _plain(models: Iterable[Any]) -> list[dict[str, Any]]:
    """Write models as documents; what was not said is left to the API server's defaults."""
    return [
        model
        if isinstance(model, dict)
        else model.model_dump(by_alias=True, exclude_defaults=True, mode="json")
        for model in models
    ]
