"""The egress policy of a pool, and what of it is known before anything is connected to."""

import ipaddress
from collections.abc import Iterable

from pollwatch.api.conditions import AcceptedReason
from pollwatch.api.egress import Egress
from pollwatch.api.egress import EgressRule as RuleModel
from pollwatch.api.problems import Problem
from pollwatch.plan.addresses import SPECIAL_ADDRESSES, IPNetwork
from pollwatch.plan.checks import HttpProbe, Probe
from pollwatch.plan.egress import EgressPolicy, EgressRule, PortRange
from pollwatch.probes.dialling import is_address
from pollwatch.probes.urls import parse_url

PROTECTED: tuple[IPNetwork, ...] = tuple(network for network, _ in SPECIAL_ADDRESSES)
"""What no pool reaches unless it is allowed."""


def pool_policy(egress: Egress, *, cluster_addresses: Iterable[str]) -> EgressPolicy:
    """Compile the policy of a pool.

    Args:
        egress: Of its spec.
        cluster_addresses: Those of the API server, and of others that no Check has business with.

    Raises:
        ValueError: One of them is not an address.
    """
    ours = {ipaddress.ip_network(address) for address in cluster_addresses}
    return EgressPolicy(
        deny=tuple(map(_rule, egress.deny)),
        allow=tuple(map(_rule, egress.allow)),
        protected=PROTECTED + tuple(sorted(ours, key=lambda network: (network.version, network))),
        default_allow=egress.default == "Allow",
    )


def embedded_policy(allow: Iterable[IPNetwork], *, protected: Iterable[IPNetwork] = ()) -> EgressPolicy:
    """Make the policy of an operator that probes itself: as safe as a pool's, but for these networks."""
    networks = tuple(allow)
    return EgressPolicy(
        allow=(EgressRule(networks=networks),) if networks else (),
        protected=(*PROTECTED, *protected),
    )


def foreseen_refusal(probe: Probe, policy: EgressPolicy) -> Problem | None:
    """Say why a probe can never connect, whatever its host resolves to; `None`: it may be able to.

    Where a redirect leads, and what a name resolves to, is judged by the worker at each connection.
    """
    if isinstance(probe, HttpProbe):
        origin = parse_url(probe.url).origin
        path, host, port = "spec.http.url", origin.host, origin.port
    else:
        path, host, port = "spec.tcp.address", probe.host, probe.port
    refusal = policy.refusal(host, host, port) if is_address(host) else policy.refusal_of_name(host, port)
    if refusal is None:
        return None
    return Problem(path=path, message=refusal, reason=AcceptedReason.EGRESS_DENIED)


def _rule(rule: RuleModel) -> EgressRule:
    return EgressRule(
        networks=tuple(map(ipaddress.ip_network, rule.cidrs)),
        ports=tuple(map(_ports, rule.ports)),
        hosts=rule.hosts,
    )


def _ports(text: str) -> PortRange:
    low, _, high = text.partition("-")
    return PortRange(int(low), int(high or low))
