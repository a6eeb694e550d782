"""Whether a response is what the Check expects."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import re2

from pollwatch.plan.checks import HttpProbe, StatusRange, TextTest
from pollwatch.plan.samples import Reason
from pollwatch.probes.failure import ProbeError
from pollwatch.probes.http_reader import ResponseReader

_EXCERPT = 1024
"""How many bytes of a body are shown, before evidence is cut to its length."""
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._-]+)""", re.IGNORECASE)
_TEXT_CHARSETS = re.compile(
    r"(iso-?8859-\d+|latin-?1|windows-125\d|cp125\d|koi8-[ru]|utf-16(le|be)?|utf-32(le|be)?"
    r"|shift[_-]jis|euc-(jp|kr)|iso-2022-jp|gb2312|gbk|gb18030|big5)",
    re.IGNORECASE,
)
"""Charsets that a body is turned into UTF-8 from. Of Python's other codecs some are not for text, and
some are slow on purpose-made input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextExpectation:
    """One rule about a text, compiled."""

    test: TextTest
    pattern: str
    found: Callable[[bytes], bool]
    """Whether the pattern is in a UTF-8 text."""

    def holds(self, text: bytes) -> bool:
        """Whether a UTF-8 text is as it must be."""
        return self.found(text) is not self.test.negated

    def __str__(self) -> str:
        verb = "match" if self.test.is_regex else "contain"
        return f"must {'not ' if self.test.negated else ''}{verb} '{self.pattern}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What an HTTP probe expects, compiled once for all its samples."""

    statuses: tuple[StatusRange, ...]
    headers: tuple[tuple[str, TextExpectation], ...]
    body: tuple[TextExpectation, ...]

    def judge(self, response: ResponseReader) -> ProbeError | None:
        """The first expectation that a whole response does not meet: status, headers, then body."""
        status = response.status
        for low, high in self.statuses:
            if low <= status <= high:
                break
        else:
            return _unexpected_status(response, self.statuses)
        for name, expectation in self.headers:
            value = response.field(name.encode()) or ""
            if not expectation.holds(value.encode()):
                return ProbeError(
                    Reason.UNEXPECTED_HEADER,
                    f"header {name} {expectation}, and is",
                    excerpt=value or "missing",
                )
        if self.body:
            text = _utf8(response)
            for expectation in self.body:
                if not expectation.holds(text):
                    return ProbeError(
                        Reason.UNEXPECTED_BODY, f"the body {expectation}; it begins", excerpt=_beginning(text)
                    )
        return None


def compile_expectations(probe: HttpProbe) -> Expectations:
    """Compile a probe's rules.

    Raises:
        re2.error: A pattern is not a regular expression.
    """
    return Expectations(
        statuses=probe.statuses,
        headers=tuple((rule.name, _compile(rule.test, rule.pattern)) for rule in probe.header_rules),
        body=tuple(_compile(rule.test, rule.pattern) for rule in probe.body_rules),
    )


def _compile(test: TextTest, pattern: str) -> TextExpectation:
    if not test.is_regex:
        needle = pattern.encode()
        return TextExpectation(test=test, pattern=pattern, found=lambda text: needle in text)
    options = re2.Options()
    options.log_errors = False
    regex = re2.compile(pattern, options)
    return TextExpectation(test=test, pattern=pattern, found=lambda text: regex.search(text) is not None)


def _unexpected_status(response: ResponseReader, statuses: tuple[StatusRange, ...]) -> ProbeError:
    expected = ", ".join(map(str, statuses))
    phrase = response.phrase[:80].decode("latin-1")
    status = f"{response.status} {phrase}".strip()
    beginning = _beginning(_utf8(response))
    text = f"status {status}, expected {expected}"
    if not beginning:
        return ProbeError(Reason.UNEXPECTED_STATUS, text)
    return ProbeError(Reason.UNEXPECTED_STATUS, f"{text}; the body begins", excerpt=beginning)


def _beginning(text: bytes) -> str:
    return text[:_EXCERPT].decode(errors="replace")


def _utf8(response: ResponseReader) -> bytes:
    """The body in UTF-8; a body that does not name its charset is taken for that."""
    body = response.body
    charset = _CHARSET.search(response.field(b"content-type") or "")
    if charset is None or not _TEXT_CHARSETS.fullmatch(charset[1]):
        return body
    try:
        return body.decode(charset[1], errors="replace").encode()
    except LookupError:
        return body
