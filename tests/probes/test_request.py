"""What is sent is what the Check says, whatever stands in it or in a redirect."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pollwatch.plan.checks import Header
from pollwatch.plan.samples import Reason
from pollwatch.probes.failure import ProbeError
from pollwatch.probes.redirects import next_request
from pollwatch.probes.request import InvalidRequestError, Request
from pollwatch.probes.urls import InvalidUrlError, parse_url

FIRST = Request(method="GET", url=parse_url("https://www.example.org/a/b?c"))


@given(
    name=st.text(max_size=20), value=st.text(max_size=60), method=st.sampled_from(["GET", "G T", "GET\r\n"])
)
@example(name="X", value="a\r\nHost: evil", method="GET")
@example(name="X", value="\N{SNOWMAN}", method="GET")
def test_a_field_is_one_line_or_the_request_is_not_written(name: str, value: str, method: str) -> None:
    plain = Request(method="GET", url=FIRST.url).serialize()
    request = Request(method=method, url=FIRST.url, headers=(Header(name=name, value=value),))
    try:
        wire = request.serialize()
    except InvalidRequestError:
        return
    lines = wire.split(b"\r\n")
    known = {line.partition(b":")[0].lower() for line in plain.split(b"\r\n")}
    replaces = name.lower().encode() in known or name.lower() in ("content-length", "transfer-encoding")
    assert len(lines) == len(plain.split(b"\r\n")) + (0 if replaces else 1)
    assert wire.endswith(b"\r\n\r\n")
    assert wire.count(b"\r\n\r\n") == 1


def test_a_value_above_ascii_is_sent_as_latin_1_and_what_has_no_place_there_is_refused() -> None:
    def wire(value: str) -> bytes:
        return Request(method="GET", url=FIRST.url, headers=(Header(name="X-City", value=value),)).serialize()

    assert b"X-City: Montr\xe9al\r\n" in wire("Montréal")
    with pytest.raises(InvalidRequestError, match=r"'X-City'.*Latin-1"):
        wire("Iqaluit ᐃᖃᓗᐃᑦ")


def test_a_refusal_names_the_field_and_not_its_value() -> None:
    request = Request(method="GET", url=FIRST.url, headers=(Header(name="X-Token", value="s3cr3t\n"),))
    with pytest.raises(InvalidRequestError, match="'X-Token'") as refusal:
        request.serialize()
    assert "s3cr3t" not in str(refusal.value)


@given(location=st.one_of(st.text(max_size=60), st.text("htps:/.[]@%?#\\ \t\n0a\xe9", max_size=40)))
@example(location="http://[::1%25eth0]/")
@example(location="https://xn--a.example/")
@example(location="//\N{LATIN SMALL LETTER SHARP S}.example\N{FULLWIDTH FULL STOP}org/")
@example(location="http://" + "a" * 70 + ".example/")
@example(location="http://user:p\r\nX: y@h/")
def test_any_location_leads_to_a_request_that_can_be_sent_or_is_an_invalid_redirect(location: str) -> None:
    try:
        request = next_request(FIRST, first=FIRST, status=302, location=location, confidential=())
    except ProbeError as failure:
        reason: Reason | None = failure.reason
    else:
        reason = None
        head = request.serialize()
        assert head.isascii()
        assert head.partition(b"\r\n")[0].count(b" ") == 2
        assert request.url.origin.host
        assert 0 < request.url.origin.port < 65536
    assert reason in (None, Reason.INVALID_REDIRECT)


@given(text=st.text(max_size=80))
def test_any_text_is_a_url_or_is_refused_in_words(text: str) -> None:
    try:
        url = parse_url("http://" + text)
    except InvalidUrlError:
        return
    assert parse_url(url.text).origin == url.origin


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("http://Example.ORG", "/", "example.org"),
        ("http://example.org:80/a?b#c", "/a?b", "example.org"),
        ("https://example.org:8443?q", "/?q", "example.org:8443"),
        ("https://[2001:DB8::1]/x", "/x", "[2001:db8::1]"),
        ("http://example.org/%7Ea/%C3%A9", "/%7Ea/%C3%A9", "example.org"),
        ("http://example.org./", "/", "example.org."),
    ],
)
def test_a_url_is_taken_apart(url: str, target: str, authority: str) -> None:
    parsed = parse_url(url)
    assert (parsed.target, parsed.origin.authority) == (target, authority)
