"""What a Check costs its worker, before anybody has measured it.

The figures are those of `docs/benchmarks.md`: CPU of the whole worker for HTTP and HTTPS ("CPU a probe"),
and of the engine alone for TCP and a lookup of a name ("What a probe is made of"). They are of one core of a
shared cloud machine (AMD EPYC), so a pool that sizes itself corrects them by what its workers use.
"""

from collections.abc import Iterable

from pollwatch.plan.checks import CheckPlan, HttpProbe
from pollwatch.probes.dialling import is_address
from pollwatch.probes.urls import parse_url

HTTP = 170e-6
"""Seconds of CPU a probe over HTTP, on a fresh connection."""
HTTPS = 1_119e-6
"""The same with a full handshake (ECDSA P-256) and verification."""
TCP = 106e-6
"""A connection: 72 us of the engine, and 34 us, which is what the worker adds to a probe over HTTP."""
HANDSHAKE = HTTPS - HTTP
"""TLS, of whatever is spoken over it."""
LOOKUP = 329e-6
"""A and AAAA of a name; nothing is cached."""


def probe_cost(check: CheckPlan) -> float:
    """Give the seconds of CPU that one probe of a Check takes; redirects and long bodies are not foreseen."""
    probe = check.probe
    if isinstance(probe, HttpProbe):
        origin = parse_url(probe.url).origin
        host, cost = origin.host, HTTPS if origin.scheme == "https" else HTTP
    else:
        host, cost = probe.host, TCP if probe.tls is None else TCP + HANDSHAKE
    return cost if is_address(host) else cost + LOOKUP


def cost(check: CheckPlan, targets: int = 1) -> float:
    """Give the share of one core that a Check takes.

    Args:
        check: As it is compiled for its pool.
        targets: How many it has, as far as that is known.

    Returns:
        Seconds of CPU a second.
    """
    rate = targets / check.period
    if check.rate is not None:
        rate = min(rate, check.rate)
    return rate * probe_cost(check)


def total_cost(checks: Iterable[CheckPlan]) -> float:
    """Give the cores that Checks take together, with one target each."""
    return sum(map(cost, checks))
