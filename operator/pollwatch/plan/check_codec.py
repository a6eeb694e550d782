"""Checks as lines of JSON; texts that many of them share are written once."""

import hashlib
from collections.abc import Mapping
from typing import Any

from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe, TcpProbe
from pollwatch.plan.records import UnreadableError, record_codec, write_json

PROTOCOLS: Mapping[type, str] = {HttpProbe: "http", TcpProbe: "tcp"}
"""What each kind of probe is called in a plan."""

_CODEC = record_codec(CheckPlan, PROTOCOLS)
_CA, _SHARED_CA = "caPem", "caSha256"
"""A bundle of a hundred authorities is 200 kB: written into each Check, it would fill a shard's Secrets."""


def write_check(check: CheckPlan, texts: dict[str, str]) -> bytes:
    """Write a Check on one line, without line end.

    Args:
        check: The Check.
        texts: Takes the texts that the line refers to, and their SHA-256.
    """
    document = _CODEC.write(check)
    tls = _tls(document)
    if tls is not None and _CA in tls:
        text = tls.pop(_CA)
        if text not in texts:
            texts[text] = _digest(text)
        tls[_SHARED_CA] = texts[text]
    return write_json(document)


def read_key(document: Any) -> CheckKey:
    """Read whose line it is, whatever else is on it.

    Raises:
        UnreadableError: It is nobody's.
    """
    key = document.get("key") if type(document) is dict else None
    if type(key) is not list or len(key) != 2 or not all(type(one) is str for one in key):  # noqa: PLR2004 - namespace and name
        raise UnreadableError("it has no key")
    return CheckKey(*key)


def read_check(document: Any, texts: Mapping[str, str]) -> CheckPlan:
    """Read a Check.

    Raises:
        UnreadableError: Something in it is not known to this version, which must not guess: a probe
            without one of its expectations would succeed where it must fail.
    """
    tls = _tls(document)
    if tls is not None and _SHARED_CA in tls:
        digest = tls.pop(_SHARED_CA)
        if type(digest) is not str or digest not in texts:
            raise UnreadableError("it refers to a text that is not there")
        tls[_CA] = texts[digest]
    return _CODEC.read(document)


def write_texts(texts: Mapping[str, str]) -> list[bytes]:
    """Write texts, of which the SHA-256 is given, each on a line and always in the same order."""
    return [write_json(text) for text in sorted(texts, key=texts.__getitem__)]


def read_text(document: Any) -> tuple[str, str]:
    """Read a text; give its SHA-256 and itself.

    Raises:
        UnreadableError: It is none.
    """
    if type(document) is not str:
        raise UnreadableError("it is no text")
    return _digest(document), document


def _tls(document: Any) -> dict[str, Any] | None:
    """Find the options of TLS of a written Check, whatever its protocol is."""
    probe = document.get("probe") if type(document) is dict else None
    for inner in probe.values() if type(probe) is dict else ():
        tls = inner.get("tls") if type(inner) is dict else None
        if type(tls) is dict:
            return tls
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
