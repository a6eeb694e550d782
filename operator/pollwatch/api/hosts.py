"""Spelling of hosts, ports and URLs, as rules for the API server and for us."""

import ipaddress
from typing import Annotated

from pydantic import Field

from pollwatch.api.rules import Rule, cel_literal, matcher, matching, not_matching

_DNS_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS_NAME = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*\.?"
"""A host name (RFC 1123, and the underscore that DNS allows); an IPv4 address is spelled like one."""
_HOST = rf"(\[[0-9A-Fa-f:]+\]|{_DNS_NAME})"
_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

_NO_HOST = (
    "must name a host: a DNS name, an IPv4 address, or an IPv6 address in brackets such as '[2001:db8::1]'"
)
_BAD_PORT = "must have a port between 1 and 65535"
_BAD_IPV4 = "must not have a host of digits and dots that is no IPv4 address; write four numbers up to 255"
_LONG_HOST = "must not have a host name of more than 253 characters"


def _ipv4_rule(*, before: str, after: str) -> Rule:
    """Make the rule that a host of digits and dots is an IPv4 address.

    Such a host can be no DNS name: no top-level domain is numeric (RFC 3696, section 2).
    """
    numeric = rf"{before}[0-9.]+{after}"
    address = rf"{before}({_OCTET}\.){{3}}{_OCTET}{after}"
    is_numeric, is_address = matcher(numeric), matcher(address)
    return Rule(
        cel=f"!self.matches({cel_literal(numeric)}) || self.matches({cel_literal(address)})",
        holds=lambda value: not is_numeric(value) or is_address(value),
        message=_BAD_IPV4,
    )


def _ipv6_holds(value: str) -> bool:
    start, end = value.find("["), value.find("]")
    if start < 0 or end < 0:
        return True
    try:
        return ipaddress.IPv6Address(value[start + 1 : end]).ipv4_mapped is None
    except ValueError:
        return False


_IPV6_RULE = Rule(
    cel="!self.contains('[') || !self.contains(']') || self.indexOf(']') < self.indexOf('[') ||"
    " isIP(self.substring(self.indexOf('[') + 1, self.indexOf(']')))",
    holds=_ipv6_holds,
    message="must have a valid IPv6 address in its brackets, and not an IPv4-mapped one",
)

HttpUrl = Annotated[
    str,
    Field(min_length=1, max_length=2048),
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
    matching(rf"^[^/]+//{_HOST}([:/?]|$)", _NO_HOST),
    matching(rf"^[^/]+//(\[[^\]]*\]|[^:/?]*)(:{_PORT})?([/?]|$)", _BAD_PORT),
    matching(r"^[^/]+//(\[|[^:/?]{1,254}([:/?]|$))", _LONG_HOST),
    _ipv4_rule(before="^[^/]+//", after="([:/?]|$)"),
    Rule(
        # Brackets are common in queries (a[]=1): only those of the host count.
        cel=r"!self.matches(r'^[^/]+//\[') || isIP(self.substring(self.indexOf('[') + 1, self.indexOf(']')))",
        holds=lambda url: not url.partition("//")[2].startswith("[") or _ipv6_holds(url),
        message=_IPV6_RULE.message,
    ),
]
"""An absolute URL that can be probed."""

HostPort = Annotated[
    str,
    Field(min_length=3, max_length=261),
    matching(
        r"^(\[[^\]]*\]|[^:]*):[0-9]+$", "must be host:port, such as 'db.example.org:5432' or '[::1]:5432'"
    ),
    matching(rf"^{_HOST}:", _NO_HOST),
    matching(rf":{_PORT}$", _BAD_PORT),
    matching(r"^(\[|[^:]{1,254}:)", _LONG_HOST),
    _ipv4_rule(before="^", after=":"),
    _IPV6_RULE,
]
"""A host and a port; an IPv6 address stands in brackets."""

ServerName = Annotated[
    str,
    Field(max_length=253),
    matching(rf"^({_DNS_NAME})?$", "must be a DNS name, such as 'www.example.org'"),
]
"""A name for SNI and verification; empty where it is not set."""
