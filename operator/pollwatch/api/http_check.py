"""`spec.http`: the request to send, and what its answer must be."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from pollwatch.api.base import Model
from pollwatch.api.hosts import HttpUrl, Resolution
from pollwatch.api.key_selectors import SecretKeySelector
from pollwatch.api.lists import atomic, distinct, keyed
from pollwatch.api.rules import Pattern, Rule, Unique, exactly_one, matcher, matching, not_matching
from pollwatch.api.tls import Tls

_HEADER_VALUE = r"^[\t -~\x{80}-\x{ff}]*$"
"""A field value (RFC 9110, section 5.5): no control character but the tab, nothing above Latin-1."""

is_header_value = matcher(_HEADER_VALUE)
"""Tell whether a text can be sent as the value of a header."""

_TEXT_TESTS = ("contains", "notContains", "matches", "notMatches")

_ALWAYS_FOLLOWED = ("3xx", "301", "302", "303", "307", "308")

HeaderName = Annotated[
    str,
    Field(min_length=1, max_length=128),
    Pattern(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", "must be a header name: letters, digits, '-' (RFC 9110 token)"),
]

RequestHeaderName = Annotated[
    HeaderName,
    not_matching(
        "^(?i:connection|content-length|expect|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$",
        "must not be a header that the prober itself sets for each connection; remove it",
    ),
]

HeaderValue = Annotated[
    str,
    Field(max_length=4096),
    matching(_HEADER_VALUE, "must not hold line breaks, control characters or characters outside of Latin-1"),
]

StatusPattern = Annotated[
    str,
    Field(max_length=3),
    Pattern("^[1-5](?:[0-9][0-9]|xx)$", "must be a status code such as '204' or a class such as '2xx'"),
]

TextPattern = Annotated[str, Field(min_length=1, max_length=1024)]


class HeaderValueSource(Model):
    """Where the value of a header comes from."""

    secret_key_ref: SecretKeySelector
    """A value of a Secret. It is never shown in status, events, metrics, logs or evidence."""


class RequestHeader(Model):
    """One header of the request."""

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one(("value", "valueFrom"), remedy="keep one of them"),)

    name: RequestHeaderName
    """Name of the header, such as `Accept-Language`. `Host` replaces the host of the URL."""
    value: HeaderValue | None = None
    """The value itself. For a password or a token use `valueFrom`."""
    value_from: HeaderValueSource | None = None
    """Where the value comes from."""


class RequestBody(Model):
    """The content of the request."""

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one(("text", "secretKeyRef"), remedy="keep one of them"),)

    text: Annotated[str, Field(max_length=65536)] | None = None
    """The content itself, sent as UTF-8."""
    secret_key_ref: SecretKeySelector | None = None
    """A value of a Secret that is the content."""


class BodyRule(Model):
    """What the body of the answer must, or must not, hold. Exactly one field is set."""

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one(_TEXT_TESTS, remedy="make one list item for each"),)

    contains: TextPattern | None = None
    """Text that must be in the body."""
    not_contains: TextPattern | None = None
    """Text that must not be in the body."""
    matches: TextPattern | None = None
    """Regular expression (RE2 syntax) that must match somewhere in the body."""
    not_matches: TextPattern | None = None
    """Regular expression (RE2 syntax) that must not match anywhere in the body."""


class ResponseHeaderRule(Model):
    """What a header of the answer must, or must not, hold. Exactly one field beside `name` is set."""

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one(_TEXT_TESTS, remedy="make one list item for each"),)

    name: HeaderName
    """Name of the header, in any case. A header that is missing counts as empty."""
    contains: TextPattern | None = None
    """Text that must be in the value."""
    not_contains: TextPattern | None = None
    """Text that must not be in the value."""
    matches: TextPattern | None = None
    """Regular expression (RE2 syntax) that must match somewhere in the value."""
    not_matches: TextPattern | None = None
    """Regular expression (RE2 syntax) that must not match anywhere in the value."""


class Expectation(Model):
    """What the answer must be for the probe to succeed."""

    statuses: Annotated[tuple[StatusPattern, ...], distinct(most=20, least=1), Unique("status")] = ("2xx",)
    """Accepted status codes (`204`) and classes of them (`2xx`)."""
    body: Annotated[tuple[BodyRule, ...], atomic(most=16)] = ()
    """Rules for the decoded body. All must hold."""
    headers: Annotated[tuple[ResponseHeaderRule, ...], atomic(most=16)] = ()
    """Rules for the headers of the answer. All must hold."""
    max_body_bytes: Annotated[
        int, Field(ge=1, le=16 * 1024 * 1024, json_schema_extra={"format": "int32"})
    ] = 1024 * 1024
    """Longest decoded body to accept, in bytes; a longer one fails the probe."""


def _expected(http: Mapping[str, Any], field: str) -> Sequence[Any]:
    """Read a list of `expect` in a plain document, in which null and absent are the same."""
    expect = http.get("expect") or {}
    return expect.get(field) or ()


class HttpCheck(Model):
    """One HTTP request, on a fresh connection each time, and what its answer must be."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.method != 'HEAD' || !has(self.expect.body) || self.expect.body.size() == 0",
            holds=lambda http: http["method"] != "HEAD" or not _expected(http, "body"),
            message="expect.body cannot be judged with method HEAD, whose answer has no body; use GET",
            field="expect.body",
            reason="FieldValueForbidden",
        ),
        Rule(
            cel="!self.followRedirects || self.expect.statuses.size() == 0 ||"
            f" self.expect.statuses.exists(status, !(status in {list(_ALWAYS_FOLLOWED)}))",
            holds=lambda http: (
                not http["followRedirects"]
                or not _expected(http, "statuses")
                or any(status not in _ALWAYS_FOLLOWED for status in _expected(http, "statuses"))
            ),
            message="expect.statuses holds redirects only, which are followed; set followRedirects to false",
            field="expect.statuses",
        ),
    )

    url: HttpUrl
    """Absolute URL to request, such as `https://www.example.org/`. Without credentials and fragment."""
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    """Method of the request."""
    headers: Annotated[
        tuple[RequestHeader, ...],
        keyed("name", most=32),
        Rule(
            cel="self.all(header, self.exists_one(other,"
            " other.name.lowerAscii() == header.name.lowerAscii()))",
            holds=lambda headers: len({header.name.lower() for header in headers}) == len(headers),
            message="must not name a header twice, in whatever case; join the values with a comma",
        ),
    ] = ()
    """Headers to send beside those that the prober itself sets."""
    body: RequestBody | None = None
    """Content to send."""
    follow_redirects: bool = True
    """Follow up to 10 redirects and judge the last answer. False: a redirect is the answer."""
    expect: Expectation = Expectation()
    """What the answer must be for the probe to succeed."""
    tls: Tls | None = None
    """How the server is authenticated when the URL, or one it redirects to, is https."""
    resolve: Resolution = "Any"
