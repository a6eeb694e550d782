"""The kubelet: its configuration and its command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from tests.cluster.node.credentials import KUBELET, NODE_NAME, NodeCredentials
from tests.cluster.node.network import CLUSTER_DOMAIN, DNS_SERVICE_ADDRESS, NODE_ADDRESS

if TYPE_CHECKING:
    from pathlib import Path

SYNC_SECONDS = 5
"""How often a pod is looked at without a cause. A changed Secret is in its volumes that soon; by
default it may take a minute."""


def kubelet_arguments(
    *, folder: Path, credentials: NodeCredentials, server: str, runtime_socket: Path, cgroup: str
) -> list[str]:
    """Write the kubelet's files, and return its arguments.

    Args:
        folder: An existing folder for its data.
        credentials: Its own, and the authority it trusts.
        server: The URL of the API server.
        runtime_socket: containerd's.
        cgroup: The name of an existing control group, for those of all pods.
    """
    resolver = folder / "resolv.conf"
    resolver.write_text("# Pods that ask the node's resolver ask nobody.\n", encoding="utf-8")
    configuration = folder / "config.yaml"
    configuration.write_text(
        yaml.safe_dump(_configuration(folder, credentials, runtime_socket, cgroup, resolver)),
        encoding="utf-8",
    )
    return [
        f"--config={configuration}",
        f"--kubeconfig={credentials.kubeconfig(KUBELET, server=server)}",
        f"--root-dir={folder / 'root'}",
        f"--hostname-override={NODE_NAME}",
        # With a loopback address, the API server would refuse `exec` and `logs`.
        f"--node-ip={NODE_ADDRESS}",
    ]


def _configuration(
    folder: Path, credentials: NodeCredentials, runtime_socket: Path, cgroup: str, resolver: Path
) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"x509": {"clientCAFile": str(credentials.api.ca_file)}},
        "tlsCertFile": str(credentials.kubelet_serving_file),
        "tlsPrivateKeyFile": str(credentials.kubelet_serving_file),
        "containerRuntimeEndpoint": f"unix://{runtime_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [DNS_SERVICE_ADDRESS],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": str(resolver),
        "syncFrequency": f"{SYNC_SECONDS}s",
        "volumePluginDir": str(folder / "plugins"),
        # A full disk of the machine is not what is tested here.
        "evictionHard": {
            "memory.available": "64Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
        "imageGCHighThresholdPercent": 100,
    }
