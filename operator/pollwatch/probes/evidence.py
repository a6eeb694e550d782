"""What a person is shown of a failure: redacted, printable, bounded. The one place that does it."""

import contextlib
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import lru_cache
from html import escape

from pollwatch.plan.samples import MAX_EVIDENCE

REDACTED = "[redacted]"
_WINDOW = 4096
"""How much of a text is looked at: more than is shown, for white space and redaction shorten it."""
_SHORTEST_PART = 6
"""Shorter parts of a secret are words of any text."""
_SPACES = re.compile(r"\s+")
_UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


def make_evidence(text: str, *, excerpt: str = "", confidential: tuple[str, ...] = ()) -> str:
    """Make raw text fit for status, events and logs.

    Args:
        text: What was expected and what came; may be long, hostile and hold secrets.
        excerpt: The beginning of what the target sent, shown after `text`. It may have been cut
            in the middle of a secret.
        confidential: Values that must not be seen; cut out before anything else is done, also
            where they are spelled as in URLs, HTML, JSON or base64.

    Returns:
        One line of at most `MAX_EVIDENCE` printable characters.
    """
    forms = _forms(confidential)
    text = _redact(text, forms)
    if excerpt:
        text = f"{text}: {_redact(_without_begun_secret(excerpt, forms), forms)}"
    text = _SPACES.sub(" ", text).strip()
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _UNPRINTABLE for c in text)
    return text if len(text) <= MAX_EVIDENCE else text[: MAX_EVIDENCE - 1] + "…"


def _without_begun_secret(excerpt: str, forms: tuple[str, ...]) -> str:
    """Take off the end of an excerpt if it may be the beginning of something confidential."""
    begun = 0
    for form in forms:
        for length in range(min(len(form) - 1, len(excerpt)), begun, -1):
            if excerpt.endswith(form[:length]):
                begun = length
                break
    return excerpt[: len(excerpt) - begun]


def _redact(text: str, forms: tuple[str, ...]) -> str:
    """The first `_WINDOW` characters of a text, without what is confidential.

    A value that begins inside the window is cut out whole, though it ends beyond: cutting the
    text first would leave the value's beginning.
    """
    if not forms:
        return text[:_WINDOW]
    kept: list[str] = []
    position = 0
    for match in _pattern(forms).finditer(text):
        if match.start() >= _WINDOW:
            break
        kept += (text[position : match.start()], REDACTED)
        position = match.end()
    kept.append(text[position:_WINDOW])
    return "".join(kept)


@lru_cache(maxsize=1024)
def _forms(confidential: tuple[str, ...]) -> tuple[str, ...]:
    """The texts that must not be seen, longest first."""
    forms: set[str] = set()
    for value in confidential:
        # Files often end in a newline that is not part of what is sent.
        for plain in (value, value.strip(), *_credentials(value.strip())):
            forms |= {plain, b64encode(plain.encode()).decode()}
    forms.discard("")
    return tuple(sorted(forms, key=len, reverse=True))


def _credentials(value: str) -> Iterator[str]:
    """What a site may repeat of an Authorization field without its scheme (RFC 9110, section 11.4)."""
    scheme, _, credentials = value.partition(" ")
    parts = [credentials.strip()]
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            parts.append(b64decode(parts[0], validate=True).decode())
    # User and password (RFC 7617), encoded or not.
    parts += [text.partition(":")[2] for text in (value, *parts)]
    yield from (part for part in parts if len(part) >= _SHORTEST_PART)


@lru_cache(maxsize=1024)
def _pattern(forms: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join("".join(map(_spellings, form)) for form in forms))


def _spellings(character: str) -> str:
    """A pattern for a character as it is, and as URLs, HTML and JSON may spell it."""
    if character.isascii() and character.isalnum():
        return character
    percent = "".join(f"%{byte:02x}" for byte in character.encode())
    spellings = {character, percent, percent.upper(), escape(character), json.dumps(character)[1:-1]}
    if character == "/":
        spellings.add("\\/")
    return f"(?:{'|'.join(map(re.escape, sorted(spellings)))})"
