"""Pods that the restricted Pod Security Standard admits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cluster.apiclient import JsonObject

USER = 65532


def restricted_pod(container: JsonObject, **spec: Any) -> JsonObject:
    """The spec of a pod of one container, of an image that is on the node, with a read-only root."""
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        # The kubelet starts no pod whose user may be root: the image says that it is not.
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                **container,
                "imagePullPolicy": "Never",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
        **spec,
    }
