"""kube-proxy in nftables mode: its configuration and its command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from tests.cluster.node.credentials import NODE_NAME, PROXY, NodeCredentials
from tests.cluster.node.network import POD_RANGE

if TYPE_CHECKING:
    from pathlib import Path


def kube_proxy_arguments(*, folder: Path, credentials: NodeCredentials, server: str) -> list[str]:
    """Write kube-proxy's configuration into an existing folder, and return its arguments."""
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        # Debian's iptables finds the chains of iptables mode incompatible.
        "mode": "nftables",
        "nftables": {"minSyncPeriod": "0.1s"},
        "hostnameOverride": NODE_NAME,
        "clusterCIDR": POD_RANGE,
        "clientConnection": {"kubeconfig": str(credentials.kubeconfig(PROXY, server=server))},
        # Limits of the whole machine, which are not the node's to change.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return [f"--config={path}"]
