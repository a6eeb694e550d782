"""Hosts, ports and URLs: their spelling, as rules for the API server and for us."""

import ipaddress
from typing import Annotated, Literal

from pydantic import Field

from pollwatch.api.rules import Rule, cel_literal, implied, matcher, matching, not_matching

_DNS_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS_NAME = rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*\.?"
"""A host name (RFC 1123, and the underscore that DNS allows); an IPv4 address is spelled like one."""
_HOST = rf"(?:\[[0-9A-Fa-f:]+\]|{_DNS_NAME})"
PORT = "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

_NO_HOST = (
    "must name a host: a DNS name, an IPv4 address, or an IPv6 address in brackets such as '[2001:db8::1]'"
)
_BAD_PORT = "must have a port between 1 and 65535"


def _ipv6_holds(value: str) -> bool:
    _, opening, rest = value.partition("[")
    if not opening:
        return True
    try:
        return ipaddress.IPv6Address(rest.partition("]")[0]).ipv4_mapped is None
    except ValueError:
        return False


def _host_rules(*, before: str, after: str) -> tuple[Rule, ...]:
    """Make the rules for a host that is spelled like one, between two other parts of a text.

    A host of digits and dots is an IPv4 address, since no top-level domain is numeric
    (RFC 3696, section 2).
    """
    brackets = rf"{before}\[[0-9A-Fa-f:]+\]{after}"
    has_brackets = matcher(brackets)
    return (
        implied(
            f"{before}{_DNS_NAME}{after}",
            rf"{before}[^:/?]{{0,252}}[^:/?.]\.?{after}",
            "must not have a host name of more than 253 characters",
        ),
        implied(
            rf"{before}[0-9.]+{after}",
            rf"{before}(?:{_OCTET}\.){{3}}{_OCTET}{after}",
            "must not have a host of digits and dots that is no IPv4 address; write four numbers up to 255",
        ),
        Rule(
            cel=f"!self.matches({cel_literal(brackets)}) ||"
            " isIP(self.substring(self.indexOf('[') + 1, self.indexOf(']')))",
            holds=lambda value: not has_brackets(value) or _ipv6_holds(value),
            message="must have a valid IPv6 address in its brackets, and not an IPv4-mapped one",
        ),
    )


_AUTHORITY = r"""^(?i:https?)://[!"$-.0->A-~]*(?:[/?]|$)"""
"""A URL without credentials, fragment and strange characters in its authority (RFC 3986)."""

_HOST_AND_DIGITS = r"^(?:\[[^\]]*\]|[^:]*):[0-9]+$"

HttpUrl = Annotated[
    str,
    Field(max_length=2048),
    matching(r"^(?i:https?)://", "must begin with http:// or https://, such as 'https://www.example.org/'"),
    matching(
        r"^[!-~]*$",
        "must be printable ASCII without spaces; percent-encode other characters,"
        " and write an international host name in its xn-- form",
    ),
    not_matching(
        r"^[^/]+//[^/?#]*@",
        "must not hold credentials; send them with headers[].valueFrom.secretKeyRef",
    ),
    not_matching(r"#", "must not hold a fragment (#...); it is never sent to a server, remove it"),
    implied(_AUTHORITY, rf"^[^/]+//{_HOST}(?:[:/?]|$)", _NO_HOST),
    implied(rf"^[^/]+//{_HOST}:[^/?#@]*(?:[/?]|$)", rf"^[^/]+//{_HOST}:{PORT}(?:[/?]|$)", _BAD_PORT),
    *_host_rules(before="^[^/]+//", after="(?::[0-9]+)?(?:[/?]|$)"),
]
"""An absolute URL that can be probed."""

HostPort = Annotated[
    str,
    Field(max_length=261),
    matching(_HOST_AND_DIGITS, "must be host:port, such as 'db.example.org:5432' or '[::1]:5432'"),
    implied(_HOST_AND_DIGITS, f"^{_HOST}:", _NO_HOST),
    implied(_HOST_AND_DIGITS, f":{PORT}$", _BAD_PORT),
    *_host_rules(before="^", after=":[0-9]+$"),
]
"""A host and a port; an IPv6 address stands in brackets."""

Resolution = Annotated[
    Literal["Any", "EachAddress"],
    Field(
        description="How the addresses of the host become targets. `Any`: one target, each probe connects to"
        " one address as a visitor would. `EachAddress`: a target for each address, so that one bad backend"
        " shows as Degraded."
    ),
]

ServerName = Annotated[
    str,
    Field(max_length=253),
    matching(rf"^({_DNS_NAME})?$", "must be a DNS name, such as 'www.example.org'"),
]
"""A name for SNI and verification; empty where it is not set."""
