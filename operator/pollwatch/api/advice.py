"""What is valid, and yet not what its author will have meant."""

from collections.abc import Iterator

from pollwatch.api.check import Check
from pollwatch.api.http_check import HttpCheck
from pollwatch.api.problems import Problem

_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
"""Headers whose value lets its holder in."""


def advice(check: Check) -> tuple[Problem, ...]:
    """Return what the author of a valid Check should know, by field."""
    return () if check.spec.http is None else tuple(_about_http(check.spec.http))


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
