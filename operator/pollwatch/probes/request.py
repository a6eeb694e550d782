"""Writes one HTTP/1.1 request (RFC 9112)."""

import re
from base64 import b64encode
from dataclasses import dataclass, field

from pollwatch import __version__
from pollwatch.plan.checks import Header
from pollwatch.probes.decoding import ACCEPTED
from pollwatch.probes.urls import Url

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_IN_VALUES = re.compile(r"[\r\n\0]")
_FRAMING = frozenset({"content-length", "transfer-encoding"})
"""How long the message is, is said by who writes it."""
_METHODS_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})


class InvalidRequestError(ValueError):
    """A request that must not be written; the message names the field, and never its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to one URL."""

    method: str
    url: Url
    headers: tuple[Header, ...] = ()
    body: bytes = field(default=b"", repr=False)

    def serialize(self) -> bytes:
        """The bytes to send.

        What is not in `headers` gets a default: `Host`, `User-Agent`, `Accept`,
        `Accept-Encoding`, `Connection: close`, and `Authorization` when the URL holds credentials.

        Raises:
            InvalidRequestError: The method or a field would end its line, and begin another one.
        """
        if not _TOKEN.fullmatch(self.method):
            raise InvalidRequestError("the method is not a token (RFC 9110, section 5.6.2)")
        lines = [f"{self.method} {self.url.target} HTTP/1.1"]
        for name, value in self._fields():
            if not _TOKEN.fullmatch(name):
                raise InvalidRequestError(f"header {name!r}: not a field name (RFC 9110, section 5.1)")
            if _FORBIDDEN_IN_VALUES.search(value):
                raise InvalidRequestError(f"header {name!r}: the value holds a line break or a NUL")
            if not _is_latin_1(value):
                raise InvalidRequestError(f"header {name!r}: the value holds characters outside of Latin-1")
            lines.append(f"{name}: {value}")
        # RFC 9110, section 5.5: what is above ASCII was always ISO 8859-1.
        return "\r\n".join((*lines, "", "")).encode("latin-1") + self.body

    def _fields(self) -> list[tuple[str, str]]:
        own = [(header.name, header.value) for header in self.headers if header.name.lower() not in _FRAMING]
        given = {name.lower() for name, _ in own}
        fields = [(name, value) for name, value in _defaults(self.url) if name.lower() not in given]
        if self.body or self.method in _METHODS_WITH_CONTENT:
            fields.append(("Content-Length", str(len(self.body))))
        return fields + own


def _is_latin_1(text: str) -> bool:
    return text.isascii() or max(text) <= "\xff"


def _defaults(url: Url) -> list[tuple[str, str]]:
    defaults = [
        ("Host", url.origin.authority),
        ("User-Agent", f"Pollwatch/{__version__}"),
        ("Accept", "*/*"),
        ("Accept-Encoding", ACCEPTED),
        ("Connection", "close"),
    ]
    if url.userinfo:
        credentials = b64encode(url.userinfo.encode()).decode("ascii")
        defaults.append(("Authorization", f"Basic {credentials}"))
    return defaults
