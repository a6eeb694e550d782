"""What is valid in a ProbePool, and yet not what its author will have meant."""

import ipaddress
from collections.abc import Callable, Iterator

from pollwatch.api.egress import Egress, EgressRule
from pollwatch.api.pool import ProbePool
from pollwatch.api.problems import Problem


def advice_on_pool(pool: ProbePool) -> tuple[Problem, ...]:
    """Return what the author of a valid ProbePool should know, by field."""
    return tuple(_about_egress(pool.spec.egress))


def _about_egress(egress: Egress) -> Iterator[Problem]:
    if egress.default == "Deny" and not egress.allow:
        yield Problem(
            path="spec.egress.default",
            message="nothing can be reached: all is refused by default, and no rule of allow opens anything",
        )
    for number, rule in enumerate(egress.allow):
        path = f"spec.egress.allow[{number}]"
        refusals = (index for index, deny in enumerate(egress.deny) if _covers(deny, rule))
        if (refusal := next(refusals, None)) is not None:
            message = f"has no effect: spec.egress.deny[{refusal}] is asked first and refuses all of it"
            yield Problem(path=path, message=message)
        for index, cidr in enumerate(rule.cidrs):
            if cidr.endswith("/0"):
                yield Problem(
                    path=f"{path}.cidrs[{index}]",
                    message="opens none of the protected addresses (metadata services, the API server, ...):"
                    " name the networks that are meant; to allow all others, set default to Allow",
                )


def _covers(deny: EgressRule, allow: EgressRule) -> bool:
    """Whether every connection that one rule speaks of is one that the other speaks of."""
    return (
        _all_within(allow.cidrs, deny.cidrs, _is_subnet)
        and _all_within(allow.ports, deny.ports, _is_subrange)
        and _all_within(allow.hosts, deny.hosts, _is_below)
    )


def _all_within(inner: tuple[str, ...], outer: tuple[str, ...], within: Callable[[str, str], bool]) -> bool:
    """Whether each of some is within one of others; an empty list stands for all there is."""
    if not outer:
        return True
    return bool(inner) and all(any(within(one, other) for other in outer) for one in inner)


def _is_subnet(inner: str, outer: str) -> bool:
    a, b = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    if isinstance(a, ipaddress.IPv4Network):
        return isinstance(b, ipaddress.IPv4Network) and a.subnet_of(b)
    return isinstance(b, ipaddress.IPv6Network) and a.subnet_of(b)


def _is_subrange(inner: str, outer: str) -> bool:
    (low, high), (lowest, highest) = _ends(inner), _ends(outer)
    return lowest <= low and high <= highest


def _ends(ports: str) -> tuple[int, int]:
    low, _, high = ports.partition("-")
    return int(low), int(high or low)


def _is_below(inner: str, outer: str) -> bool:
    return inner == outer or (outer.startswith("*") and inner.endswith(outer[1:]))
