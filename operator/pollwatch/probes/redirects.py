"""Where a redirect leads, and what may be taken along (RFC 9110, section 15.4)."""

from dataclasses import replace
from urllib.parse import urljoin

from pollwatch.plan.checks import Header
from pollwatch.plan.samples import Reason
from pollwatch.probes.failure import ProbeError
from pollwatch.probes.request import Request
from pollwatch.probes.urls import InvalidUrlError, Url, parse_url

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SEE_OTHER = 303
_MOVED = frozenset({301, 302})
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "host"})
"""Meant for one origin only. `Host` names it: sent elsewhere it would ask for the wrong site."""


def next_request(
    current: Request, *, first: Request, status: int, location: str | None, confidential: tuple[str, ...]
) -> Request:
    """The request that follows a redirect.

    Args:
        current: The request that was redirected.
        first: The Check's own request. What it carries in confidence goes to its origin and to no other.
        status: One of `REDIRECTS`.
        location: The Location field as received (latin-1), or `None`.
        confidential: Values from Secrets.

    Raises:
        ProbeError: `InvalidRedirect`: there is no usable Location, its scheme is neither http nor
            https, or the redirect would send a secret body to another origin.
    """
    url = _destination(current.url, location)
    method = _method(current.method, status)
    same_origin = url.origin == first.url.origin
    body = current.body if method == current.method else b""
    headers = first.headers
    if not same_origin:
        headers = tuple(header for header in headers if not _is_confidential(header, confidential))
        if any(secret.encode() in body for secret in confidential if secret):
            raise ProbeError(
                Reason.INVALID_REDIRECT,
                f"{status} would send the Check's confidential body to {url.origin.authority}",
            )
    if not body:
        headers = tuple(header for header in headers if not header.name.lower().startswith("content-"))
    return replace(
        first,
        method=method,
        url=url._replace(userinfo=first.url.userinfo if same_origin else ""),
        headers=headers,
        body=body,
    )


def _destination(base: Url, location: str | None) -> Url:
    if not location or not location.strip():
        raise ProbeError(Reason.INVALID_REDIRECT, "the redirect has no Location")
    text = _as_sent(location.strip())
    try:
        return parse_url(urljoin(base.text, text))
    except (InvalidUrlError, ValueError) as error:
        raise ProbeError(Reason.INVALID_REDIRECT, f"the redirect leads to {error}") from None


def _as_sent(location: str) -> str:
    """Undo latin-1 where the server meant UTF-8, as browsers do."""
    try:
        return location.encode("latin-1").decode()
    except UnicodeError:
        return location


def _method(method: str, status: int) -> str:
    """303 is answered with GET; 301 and 302 turn POST into GET, as all clients do."""
    if status == _SEE_OTHER:
        return "HEAD" if method == "HEAD" else "GET"
    return "GET" if status in _MOVED and method == "POST" else method


def _is_confidential(header: Header, confidential: tuple[str, ...]) -> bool:
    return header.name.lower() in _CREDENTIALS or any(
        secret in header.value for secret in confidential if secret
    )
