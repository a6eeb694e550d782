"""`spec.egress` of a ProbePool: what its workers may connect to."""

import ipaddress
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pollwatch.api.base import Model
from pollwatch.api.hosts import PORT
from pollwatch.api.lists import atomic, distinct
from pollwatch.api.rules import Pattern, Rule, Unique, cel_literal, implied, matcher, matching

MAX_RULES = 32

_SPELT_LIKE_A_CIDR = r"^[0-9A-Fa-f.:]+/(?:0|[1-9][0-9]{0,2})$"
_is_spelt_like_a_cidr = matcher(_SPELT_LIKE_A_CIDR)


def _is_network(text: str) -> bool:
    try:
        address = ipaddress.ip_interface(text).ip
    except ValueError:
        return False
    return isinstance(address, ipaddress.IPv4Address) or address.ipv4_mapped is None


def _has_no_host_bits(text: str) -> bool:
    if not _is_network(text):
        return True
    interface = ipaddress.ip_interface(text)
    return interface.ip == interface.network.network_address


Cidr = Annotated[
    str,
    Field(max_length=64),
    matching(
        _SPELT_LIKE_A_CIDR,
        "must be a CIDR such as '192.0.2.0/24', or '192.0.2.7/32' for one address",
    ),
    Rule(
        cel=f"!self.matches({cel_literal(_SPELT_LIKE_A_CIDR)}) || isCIDR(self)",
        holds=lambda text: not _is_spelt_like_a_cidr(text) or _is_network(text),
        message="must have a valid address and prefix length, and not an IPv4-mapped IPv6 address",
    ),
    Rule(
        cel="!isCIDR(self) || cidr(self) == cidr(self).masked()",
        holds=lambda text: not _is_spelt_like_a_cidr(text) or _has_no_host_bits(text),
        message="must not have bits set beyond its prefix, as '10.1.2.3/8' has; write '10.0.0.0/8'",
    ),
]

_RANGE = f"^{PORT}-{PORT}$"
_is_range = matcher(_RANGE)


def _ascends(text: str) -> bool:
    low, _, high = text.partition("-")
    return not _is_range(text) or int(low) <= int(high)


Ports = Annotated[
    str,
    Field(max_length=11),
    matching(f"^{PORT}(?:-{PORT})?$", "must be a port such as '443' or a range such as '8000-8999'"),
    Rule(
        cel=f"!self.matches({cel_literal(_RANGE)}) || int(self.split('-')[0]) <= int(self.split('-')[1])",
        holds=_ascends,
        message="must not have a range that ends below its beginning; swap the two",
    ),
]

_LABEL = "[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?"
_HOST_PATTERN = rf"^(?:\*\.)?{_LABEL}(?:\.{_LABEL})*$"

HostPattern = Annotated[
    str,
    Field(max_length=253),
    Pattern(
        _HOST_PATTERN,
        "must be a DNS name in lower case such as 'www.example.org', or '*.example.org' for all below it",
    ),
    implied(
        _HOST_PATTERN,
        r"[^0-9.]",
        "must be a DNS name, not an address; put addresses into cidrs",
    ),
]

_LISTS = ("cidrs", "ports", "hosts")


class EgressRule(Model):
    """Connections. One that is in each of the lists that are given is meant."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=" || ".join(f"(has(self.{name}) && self.{name}.size() > 0)" for name in _LISTS),
            holds=lambda rule: any(rule.get(name) for name in _LISTS),
            message="must have cidrs, ports or hosts; for all other connections set default",
        ),
    )

    cidrs: Annotated[tuple[Cidr, ...], distinct(most=32), Unique("CIDR")] = ()
    """Networks, such as `10.0.0.0/8`. The address that is connected to must be in one of them."""
    ports: Annotated[tuple[Ports, ...], distinct(most=32), Unique("port")] = ()
    """Ports and ranges of them, such as `"443"` and `"8000-8999"`."""
    hosts: Annotated[tuple[HostPattern, ...], distinct(most=32), Unique("host")] = ()
    """Names of hosts, such as `www.example.org`, and `*.example.org` for all names below it."""


EgressRules = Annotated[tuple[EgressRule, ...], atomic(most=MAX_RULES)]


class Egress(Model):
    """What workers may connect to."""

    default: Literal["Allow", "Deny"] = "Allow"
    """What becomes of connections that no rule speaks of."""
    allow: EgressRules = ()
    """Connections that are allowed. A rule with `cidrs` opens the protected addresses that are in them,
    too; but neither `0.0.0.0/0` nor `::/0` does: name the networks that are meant."""
    deny: EgressRules = ()
    """Connections that are refused, whatever else is said."""
