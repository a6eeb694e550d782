"""URLs as a request needs them: origin, request target, credentials (RFC 3986, RFC 9110)."""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

import idna

DEFAULT_PORTS = {"http": 80, "https": 443}
_PATH_SAFE = "/:@!$&'()*+,;=~-._%"
_QUERY_SAFE = _PATH_SAFE + "?[]|^`{}\\"
_CONTROLS = re.compile(r"[\x00-\x20\x7f]")


class InvalidUrlError(ValueError):
    """A text is not a URL that can be requested; the message says why."""


class Origin(NamedTuple):
    """Scheme, host and port: what credentials are bound to (RFC 6454)."""

    scheme: str
    host: str
    """Lower case, ASCII (IDNA 2008); an IPv6 address without brackets."""
    port: int

    @property
    def authority(self) -> str:
        """For the Host field: the port is left out when it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


class Url(NamedTuple):
    """A URL taken apart."""

    origin: Origin
    target: str
    """Path and query, percent-encoded: the origin form of RFC 9112, section 3.2.1."""
    userinfo: str = ""
    """`user:password`, percent-decoded; empty when there was none."""

    @property
    def text(self) -> str:
        """The URL again, without credentials."""
        return f"{self.origin.scheme}://{self.origin.authority}{self.target}"


def parse_url(text: str) -> Url:
    """Take an absolute http or https URL apart; the fragment is dropped.

    Raises:
        InvalidUrlError: It is none.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidUrlError(f"{text!r}: {error}") from None
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise InvalidUrlError(f"{text!r}: it must begin with http:// or https://")
    if _CONTROLS.search(parts.netloc):
        raise InvalidUrlError(f"{text!r}: the host holds a space or a control character")
    if port == 0:
        raise InvalidUrlError(f"{text!r}: the port must be 1 to 65535")
    return Url(
        origin=Origin(scheme, _host(parts, text), port or DEFAULT_PORTS[scheme]),
        target=_request_target(parts),
        userinfo=unquote(parts.netloc.rpartition("@")[0]),
    )


def _host(parts: SplitResult, text: str) -> str:
    host = parts.hostname or ""
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise InvalidUrlError(f"{text!r}: not an IPv6 address") from None
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise InvalidUrlError(f"{text!r}: {error}") from None
    if not host.strip("."):
        raise InvalidUrlError(f"{text!r}: there is no host")
    return host


def _request_target(parts: SplitResult) -> str:
    path = quote(parts.path, safe=_PATH_SAFE) or "/"
    return f"{path}?{quote(parts.query, safe=_QUERY_SAFE)}" if parts.query else path
