"""A pool's egress policy as a NetworkPolicy: the outer fence, where the cluster enforces one.

It can say less than the policy: no host names, and nothing refused by port. Where it cannot be
exact it lets through, and the worker itself, which judges each connection, refuses.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from pollwatch.control.pools.names import HTTP_PORT, LABEL_POOL, base_name, labels
from pollwatch.plan.egress import EgressPolicy, EgressRule, IPNetwork, PortRange

EVERYWHERE: Sequence[IPNetwork] = (ip_network("0.0.0.0/0"), ip_network("::/0"))

DNS_PORT = 53


def network_policy(pool: str, egress: EgressPolicy, owner: dict[str, Any]) -> dict[str, Any]:
    """Build the NetworkPolicy (networking.k8s.io/v1) of a pool; `owner` is the reference to the ProbePool."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": base_name(pool), "labels": labels(pool), "ownerReferences": [owner]},
        "spec": {
            "podSelector": {"matchLabels": {LABEL_POOL: pool}},
            "policyTypes": ["Ingress", "Egress"],
            # Metrics are for whoever scrapes; feed and plans are guarded by the pool's keys.
            "ingress": [{"ports": [{"protocol": "TCP", "port": HTTP_PORT}]}],
            "egress": egress_rules(egress),
        },
    }


def egress_rules(egress: EgressPolicy) -> list[dict[str, Any]]:
    """Write a policy as rules that allow; together they allow all that it allows."""
    refused = [
        network for rule in egress.deny if not rule.ports and not rule.hosts for network in rule.networks
    ]
    unprotected = [*refused, *egress.protected]
    # Name servers may be anywhere, at protected addresses too (NodeLocal DNSCache has 169.254.20.10).
    rules: list[dict[str, Any]] = [
        {"ports": [{"protocol": protocol, "port": DNS_PORT} for protocol in ("UDP", "TCP")]}
    ]
    rules += (_allow(rule, refused, unprotected) for rule in egress.allow)
    if egress.default_allow:
        rules.append(_allow(EgressRule(), refused, unprotected))
    # A rule without anybody to reach would allow everybody.
    return [rule for rule in rules if rule.get("to", True)]


def _allow(
    rule: EgressRule, refused: Sequence[IPNetwork], unprotected: Sequence[IPNetwork]
) -> dict[str, Any]:
    # Protected addresses are opened by name only: neither by a rule without networks, nor by 0.0.0.0/0.
    peers = [
        _block(network, refused if network.prefixlen else unprotected)
        for network in rule.networks or EVERYWHERE
    ]
    allowed: dict[str, Any] = {"to": [peer for peer in peers if peer is not None]}
    if rule.ports:
        allowed["ports"] = [_port(ports) for ports in rule.ports]
    return allowed


def _block(network: IPNetwork, refused: Iterable[IPNetwork]) -> dict[str, Any] | None:
    """Write a network without those that are refused in it; `None`: nothing of it is left."""
    holes = sorted({one for one in refused if one.version == network.version}, key=_by_size)
    if any(_holds(hole, network) for hole in holes):
        return None
    inside: list[IPNetwork] = []
    for hole in holes:
        if _holds(network, hole) and not any(_holds(larger, hole) for larger in inside):
            inside.append(hole)
    block: dict[str, Any] = {"cidr": str(network)}
    if inside:
        block["except"] = sorted(map(str, inside))
    return {"ipBlock": block}


def _by_size(network: IPNetwork) -> tuple[int, str]:
    return network.prefixlen, str(network)


def _holds(outer: IPNetwork, inner: IPNetwork) -> bool:
    if isinstance(outer, IPv4Network) and isinstance(inner, IPv4Network):
        return inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def _port(ports: PortRange) -> dict[str, Any]:
    port: dict[str, Any] = {"protocol": "TCP", "port": ports.low}
    if ports.high != ports.low:
        port["endPort"] = ports.high
    return port
