"""What is valid, and yet not what its author will have meant."""

from collections.abc import Iterator

from pollwatch.api.check import Check
from pollwatch.api.egress import Egress
from pollwatch.api.http_check import HttpCheck
from pollwatch.api.pool import ProbePool
from pollwatch.api.problems import Problem

_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
"""Headers whose value lets its holder in."""


def advice(check: Check) -> tuple[Problem, ...]:
    """Return what the author of a valid Check should know, by field."""
    return () if check.spec.http is None else tuple(_about_http(check.spec.http))


def advice_on_pool(pool: ProbePool) -> tuple[Problem, ...]:
    """Return what the author of a valid ProbePool should know, by field."""
    return tuple(_about_egress(pool.spec.egress))


def _about_http(http: HttpCheck) -> Iterator[Problem]:
    for index, header in enumerate(http.headers):
        if header.value and header.name.lower() in _CREDENTIALS:
            yield Problem(
                path=f"spec.http.headers[{index}].value",
                message=f"all who may read the Check can read this {header.name}; use valueFrom.secretKeyRef",
            )
    if http.tls is not None and not http.follow_redirects and http.url.lower().startswith("http:"):
        yield Problem(
            path="spec.http.tls",
            message="has no effect: the URL is http, and redirects are not followed",
        )


def _about_egress(egress: Egress) -> Iterator[Problem]:
    if egress.default == "Deny" and not egress.allow:
        yield Problem(
            path="spec.egress.default",
            message="nothing can be reached: all is refused by default, and no rule of allow opens anything",
        )
    for number, rule in enumerate(egress.allow):
        for index, cidr in enumerate(rule.cidrs):
            if cidr.endswith("/0"):
                yield Problem(
                    path=f"spec.egress.allow[{number}].cidrs[{index}]",
                    message="opens metadata services, the API server and the nodes, too;"
                    " to allow all others, leave cidrs out and set default to Allow",
                )
