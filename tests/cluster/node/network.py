"""The network of a node: loopback, and one interface with nothing at its other end."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

NODE_ADDRESS = "10.250.0.1"
"""The node's own address."""

API_SERVER_ADDRESS = "10.250.0.2"
"""Where pods find the API server: apart from the node, as on a cluster of several machines."""

SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_SERVICE_ADDRESS = "10.96.0.10"
POD_RANGE = "10.244.0.0/16"
NODE_POD_RANGE = "10.244.0.0/24"
POD_GATEWAY_ADDRESS = "10.244.0.1"
"""The node's, on the bridge between its pods: the first of that range, unless a network says otherwise."""
CLUSTER_DOMAIN = "cluster.local"


class NotIsolatedError(RuntimeError):
    """The process is in a network that has more than itself in it."""


def bring_up() -> None:
    """Give an empty network namespace, which must be this process's, a node's interfaces.

    The default route leads over a pair of virtual interfaces that both end here: a packet to
    anywhere else is lost, so that nothing can leave the machine.

    Raises:
        NotIsolatedError: The namespace is not empty: it is the machine's own, or a node's already.
    """
    interfaces = {name for _, name in socket.if_nameindex()}
    if interfaces != {"lo"}:
        raise NotIsolatedError(
            f"a node takes a network namespace of its own, and this one has {', '.join(sorted(interfaces))}: "
            "start it with `make e2e` or `python -m tests.cluster.node`"
        )
    _ip("link", "set", "lo", "up")
    # A kernel without `dummy` interfaces has these.
    _ip("link", "add", "node0", "type", "veth", "peer", "name", "nowhere0")
    _ip("link", "set", "node0", "up")
    _ip("link", "set", "nowhere0", "up")
    for address in (NODE_ADDRESS, API_SERVER_ADDRESS):
        _ip("address", "add", f"{address}/24", "dev", "node0")
    _ip("route", "add", "default", "dev", "node0")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
