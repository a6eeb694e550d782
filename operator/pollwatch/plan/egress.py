"""What a prober may connect to, as part of its Plan."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple

from pollwatch.plan.addresses import (
    SPECIAL_ADDRESSES,
    IPAddress,
    IPNetwork,
    Networks,
    embedded_ipv4,
    read_address,
)

__all__ = ["UNRESTRICTED", "EgressPolicy", "EgressRule", "IPNetwork", "PortRange"]

REMEMBERED = 1 << 14
"""Judgements that a policy keeps: about 4 MB where each is a refusal."""


class PortRange(NamedTuple):
    """TCP ports, both ends included."""

    low: int
    high: int

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRule:
    """Connections; one has to be in every list that is not empty."""

    networks: tuple[IPNetwork, ...] = ()
    ports: tuple[PortRange, ...] = ()
    hosts: tuple[str, ...] = ()
    """Host names in lower case; `*.example.org` is every name below example.org, not itself."""


@dataclass(frozen=True, kw_only=True)
class EgressPolicy:
    """Judged in this order: `deny`, `allow`, `protected`, `default_allow`.

    A protected address is opened only by a rule of `allow` with a network that holds it and is
    not all there is (`0.0.0.0/0`, `::/0`): a rule of host names alone would let whoever controls
    a name reach it (DNS rebinding), and one of ports to everywhere does not mean it.

    An IPv6 address that leads to an IPv4 one, as `::ffff:127.0.0.1` and `64:ff9b::7f00:1` do, is
    judged by both.
    """

    deny: tuple[EgressRule, ...] = ()
    allow: tuple[EgressRule, ...] = ()
    protected: tuple[IPNetwork, ...] = ()
    """Refused unless allowed: metadata services, link-local, loopback, the API server, ..."""
    default_allow: bool = True
    """What becomes of all others."""

    def refusal(self, host: str, address: str, port: int) -> str | None:
        """Say whether a connection is refused; what was judged before is remembered.

        Args:
            host: The host name as the probe or a redirect has it, or an address literal.
            address: What it was resolved to: the address that is about to be connected to.
            port: TCP port.

        Returns:
            `None` when it may be connected to, else one line for people: what refuses it, and
            what would allow it. A text that is no address is refused by every policy but an empty one.
        """
        return self._judge(host, address, port)

    def refusal_of_name(self, host: str, port: int) -> str | None:
        """Say whether connections to a host name are refused whatever it resolves to.

        Returns:
            `None` when that is for its addresses to tell, else one line for people.
        """
        return self._ready.refusal_of_name(host.lower().rstrip("."), port)

    @cached_property
    def _judge(self) -> Callable[[str, str, int], str | None]:
        if self == UNRESTRICTED:
            return _permit
        return lru_cache(maxsize=REMEMBERED)(self._ready.refusal)

    @cached_property
    def _ready(self) -> "_Judge":
        return _Judge(self)


_OPEN_IT = "to open it, add a rule to the pool's spec.egress.allow (embedded operator: --allow-egress)"
_DENIED_BY_DEFAULT = f"the pool denies by default; {_OPEN_IT}"

UNRESTRICTED = EgressPolicy()
"""On a laptop: the user's own network is the user's own affair."""


def _permit(host: str, address: str, port: int) -> None:
    del host, address, port


class _Connection(NamedTuple):
    """What is judged."""

    host: str
    """In lower case, without final dot."""
    address: IPAddress
    leads_to: tuple[IPAddress, ...]
    """The IPv4 addresses in it."""
    port: int


class _Rule:
    """A rule, made ready to be asked many times."""

    def __init__(self, rule: EgressRule, name: str) -> None:
        self._hosts = frozenset(host for host in rule.hosts if not host.startswith("*."))
        self._domains = tuple(host[1:] for host in rule.hosts if host.startswith("*."))
        self._any_host = not rule.hosts
        self._ports = rule.ports
        self._any_address = not rule.networks
        self._networks = Networks(rule.networks)
        self._narrow_networks = Networks(network for network in rule.networks if network.prefixlen)
        self.name = name

    def applies(self, connection: _Connection, faces: Iterable[IPAddress]) -> bool:
        """Whether one of these addresses of a connection, its host and its port are meant."""
        return self.may_apply(connection.host, connection.port) and (
            self._any_address or any(self._networks.find(face) for face in faces)
        )

    def opens(self, connection: _Connection, face: IPAddress) -> bool:
        """Whether a protected address is meant, and not by the way."""
        return (
            self.may_apply(connection.host, connection.port) and self._narrow_networks.find(face) is not None
        )

    def applies_whatever_the_address(self, host: str, port: int) -> bool:
        """Whether all addresses of a host are meant."""
        return self._any_address and self.may_apply(host, port)

    def may_apply(self, host: str, port: int) -> bool:
        """Whether some address of a host (in lower case, without final dot) may be meant."""
        return (not self._ports or any(low <= port <= high for low, high in self._ports)) and (
            self._any_host or host in self._hosts or host.endswith(self._domains)
        )


class _Judge:
    """A policy, made ready to be asked many times."""

    def __init__(self, policy: EgressPolicy) -> None:
        self._deny = [_Rule(rule, f"deny[{number}]") for number, rule in enumerate(policy.deny)]
        self._allow = [_Rule(rule, f"allow[{number}]") for number, rule in enumerate(policy.allow)]
        self._protected = Networks(policy.protected)
        self._default_allow = policy.default_allow

    def refusal(self, host: str, address: str, port: int) -> str | None:
        """See `EgressPolicy.refusal`."""
        try:
            parsed = read_address(address)
        except ValueError:
            return f"{address!r} is not an IP address: no egress policy can judge it"
        leads_to = tuple(embedded_ipv4(parsed))
        connection = _Connection(host.lower().rstrip("."), parsed, leads_to, port)
        cause = self._cause(connection)
        if cause is None:
            return None
        shown = address if not leads_to else f"{address} ({', '.join(map(str, leads_to))})"
        return f"{shown} port {port} is refused: {cause}"

    def refusal_of_name(self, host: str, port: int) -> str | None:
        """See `EgressPolicy.refusal_of_name`; `host` in lower case, without final dot."""
        if host == "localhost" or host.endswith(".localhost"):
            return self.refusal(host, "127.0.0.1", port)  # RFC 6761, section 6.3
        for rule in self._deny:
            if rule.applies_whatever_the_address(host, port):
                return f"{host} port {port} is refused: {_denied(rule)}"
        if self._default_allow or any(rule.may_apply(host, port) for rule in self._allow):
            return None
        return f"{host} port {port} is refused: {_DENIED_BY_DEFAULT}"

    def _cause(self, connection: _Connection) -> str | None:
        _, address, leads_to, _ = connection
        everything = (address, *leads_to)
        for rule in self._deny:
            if rule.applies(connection, everything):
                return _denied(rule)
        # An IPv4-mapped address is an IPv4 one to the kernel: what allows IPv6 says nothing of it.
        mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
        faces = leads_to if mapped else everything
        allowed = any(rule.applies(connection, faces) for rule in self._allow)
        for face in everything:
            network = self._protected.find(face)
            if network is not None and not any(rule.opens(connection, face) for rule in self._allow):
                return f"{purpose(face)} is protected ({network}); {_OPEN_IT} with its CIDR"
        if allowed or self._default_allow:
            return None
        return _DENIED_BY_DEFAULT


def _denied(rule: _Rule) -> str:
    return f"the pool's spec.egress.{rule.name} denies it; name another pool, or have that rule changed"


_SPECIAL = Networks(network for network, _ in SPECIAL_ADDRESSES)
_PURPOSES = dict(SPECIAL_ADDRESSES)


def purpose(address: IPAddress) -> str:
    """Say what a protected address is, for people."""
    network = _SPECIAL.find(address)
    return "the API server or a node of the cluster" if network is None else _PURPOSES[network]
