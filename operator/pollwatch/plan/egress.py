"""What a prober may connect to, as part of its Plan."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

IPNetwork = IPv4Network | IPv6Network


class PortRange(NamedTuple):
    """TCP ports, both ends included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRule:
    """Connections; one has to be in every list that is not empty."""

    networks: tuple[IPNetwork, ...] = ()
    ports: tuple[PortRange, ...] = ()
    hosts: tuple[str, ...] = ()
    """Host names in lower case; `*.example.org` is every name below example.org, not itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressPolicy:
    """Judged in this order: `deny`, `allow`, `protected`, `default_allow`.

    A protected address is opened only by a rule of `allow` that has networks: a rule of host
    names alone would let whoever controls a name reach it (DNS rebinding).
    """

    deny: tuple[EgressRule, ...] = ()
    allow: tuple[EgressRule, ...] = ()
    protected: tuple[IPNetwork, ...] = ()
    """Refused unless allowed: metadata services, link-local, loopback, the API server, ..."""
    default_allow: bool = True
    """What becomes of all others."""


UNRESTRICTED = EgressPolicy()
"""On a laptop: the user's own network is the user's own affair."""
