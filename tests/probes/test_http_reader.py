"""The response reader: any cut of the bytes reads the same, and any bytes at all get an answer."""

import sys
import tracemalloc
import zlib
from dataclasses import dataclass

import brotli
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pollwatch.plan.samples import Reason
from pollwatch.probes.failure import ProbeError
from pollwatch.probes.http_reader import MAX_FIELDS, MAX_HEAD_BYTES, ResponseReader

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LIMIT = 1 << 16
OK = b"HTTP/1.1 200 OK\r\n"


def make_reader(method: str = "GET", *, keep_body: bool = True) -> ResponseReader:
    return ResponseReader(method=method, max_body_bytes=LIMIT, keep_body=keep_body)


def read(*parts: bytes, method: str = "GET", eof: bool = True) -> ResponseReader:
    reader = make_reader(method)
    for part in parts:
        if reader.feed(part):
            return reader
    if eof:
        reader.eof()
    return reader


def reason_for(*parts: bytes, method: str = "GET") -> Reason | None:
    try:
        read(*parts, method=method)
    except ProbeError as failure:
        return failure.reason
    return None


CODERS = {
    "": bytes,
    "identity": bytes,
    "gzip": lambda data: zlib.compress(data, wbits=31),
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@dataclass(frozen=True)
class Generated:
    """A valid response, and what is to be read of it."""

    wire: bytes
    status: int
    body: bytes
    ends_by_itself: bool


@st.composite
def responses(draw: st.DrawFn) -> Generated:
    status = draw(st.sampled_from([200, 201, 206, 301, 404, 500, 503]))
    body = draw(st.binary(max_size=3000))
    codings = draw(st.lists(st.sampled_from(sorted(CODERS)), max_size=2))
    coded = body
    for coding in codings:
        coded = CODERS[coding](coded)
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    eol = draw(st.sampled_from([b"\r\n", b"\n"])) if framing == "length" else b"\r\n"
    fields = [b"Server: test", b"X-Empty:", b"Set-Cookie: a=1", b"Set-Cookie: b=2"]
    named = [coding for coding in codings if coding]
    if named:
        fields.append(b"Content-Encoding: " + ", ".join(named).encode())
    if framing == "length":
        fields.append(b"Content-Length: %d" % len(coded))
        wire_body = coded + draw(st.sampled_from([b"", b"trailing garbage", b"HTTP/1.1 500 No\r\n\r\n"]))
    elif framing == "chunked":
        fields.append(b"Transfer-Encoding: chunked")
        size = draw(st.integers(1, 700))
        chunks = [coded[start : start + size] for start in range(0, len(coded), size)]
        wire_body = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        wire_body += draw(st.sampled_from([b"0\r\n\r\n", b"0\r\nX-Trailer: t\r\n\r\n"]))
    else:
        wire_body = coded
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"]))
    head = eol.join([b"HTTP/1.1 %d Some Phrase" % status, *fields, b"", b""])
    return Generated(interim + head + wire_body, status, body, framing != "close")


def cut(wire: bytes, places: list[int]) -> list[bytes]:
    places = sorted({place % (len(wire) + 1) for place in places})
    return [wire[a:b] for a, b in zip([0, *places], [*places, len(wire)], strict=True)]


@given(response=responses(), places=st.lists(st.integers(0, 5000), max_size=40))
def test_a_response_reads_the_same_however_it_is_cut(response: Generated, places: list[int]) -> None:
    whole, pieces = read(response.wire), read(*cut(response.wire, places))
    for reader in (whole, pieces):
        assert reader.status == response.status
        assert reader.phrase == b"Some Phrase"
        assert reader.body == response.body
        assert reader.body_bytes == len(response.body)
    assert whole.fields == pieces.fields


@given(response=responses(), places=st.lists(st.integers(0, 5000), max_size=5))
def test_a_response_that_says_how_long_it_is_is_whole_without_waiting_for_the_end(
    response: Generated, places: list[int]
) -> None:
    reader = make_reader()
    whole = [reader.feed(part) for part in cut(response.wire, places)][-1]
    assert whole is response.ends_by_itself


@given(response=responses(), keep=st.floats(0, 1, exclude_max=True))
def test_a_response_cut_short_is_never_taken_for_a_whole_one(response: Generated, keep: float) -> None:
    wire = response.wire[: int(len(response.wire) * keep)]
    reason = reason_for(wire)
    if reason is not None:
        assert reason in (Reason.CONNECTION_CLOSED, Reason.BODY_UNDECODABLE)
    elif response.ends_by_itself:
        # Only what stands behind the message is missing.
        assert read(wire).body == response.body


@given(parts=st.lists(st.binary(max_size=300), max_size=20), method=st.sampled_from(["GET", "HEAD"]))
@example(parts=[b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"], method="GET")
@example(parts=[b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n"], method="GET")
@example(parts=[b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n\x00"], method="GET")
def test_no_bytes_raise_anything_but_a_reasoned_failure(parts: list[bytes], method: str) -> None:
    reason_for(*parts, method=method)


@given(
    head=st.sampled_from(
        [
            OK,
            OK + b"\r\n",
            OK + b"Transfer-Encoding: chunked\r\n\r\n",
            OK + b"Content-Encoding: gzip\r\n\r\n",
            OK + b"Content-Encoding: zstd, br\r\n\r\n",
        ]
    ),
    tail=st.lists(st.binary(max_size=200), max_size=10),
)
def test_no_bytes_after_a_good_beginning_do_either(head: bytes, tail: list[bytes]) -> None:
    reason_for(head, *tail)


@settings(deadline=None, max_examples=20)
@given(
    beginning=st.sampled_from(
        [
            b"",
            OK,
            OK + b"X: ",
            OK + b"\r\n",
            OK + b"Transfer-Encoding: chunked\r\n\r\n5;x=",
            OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ",
            OK + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n",
            OK + b"Content-Encoding: br\r\n\r\n",
        ]
    ),
    pattern=st.binary(min_size=1, max_size=50),
)
def test_endless_input_ends_in_a_failure_and_bounded_memory(beginning: bytes, pattern: bytes) -> None:
    part = pattern * (65536 // len(pattern))
    reader = make_reader()
    tracemalloc.start()
    try:
        reader.feed(beginning)
        for _ in range(200):
            if reader.feed(part):
                break
    except ProbeError:
        pass
    else:
        assert reader.body_bytes <= LIMIT
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2 << 20


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_content_has_none(status: int) -> None:
    reader = make_reader()
    assert reader.feed(b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status)
    assert reader.content_length == 5
    assert reader.body == b""


def test_the_answer_to_head_is_whole_after_its_header() -> None:
    reader = make_reader("HEAD")
    assert reader.feed(OK + b"Content-Length: 12345\r\nContent-Encoding: gzip\r\n\r\n")
    assert reader.content_length == 12345


def test_http_1_0_ends_with_the_connection() -> None:
    reader = read(b"HTTP/1.0 200 OK\r\n\r\nhello")
    assert (reader.version, reader.body) == ("1.0", b"hello")


def test_interim_responses_are_passed_over() -> None:
    reader = read(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n", OK + b"\r\n")
    assert reader.status == 200
    assert reader.fields == []


def test_a_switch_of_protocols_that_nobody_asked_for_is_the_answer() -> None:
    reader = read(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    assert reader.status == 101


def test_several_fields_of_a_name_are_joined() -> None:
    reader = read(OK + b"Via: a\r\nX: 1\r\nvia: b\r\nContent-Length: 0\r\n\r\n")
    assert reader.field(b"via") == "a, b"
    assert reader.field(b"missing") is None


def test_a_header_just_within_the_limit_passes_and_one_beyond_does_not() -> None:
    frame = len(OK + b"X: \r\nContent-Length: 0\r\n\r\n")
    fits = OK + b"X: " + b"y" * (MAX_HEAD_BYTES - frame) + b"\r\nContent-Length: 0\r\n\r\n"
    assert reason_for(fits) is None
    assert reason_for(*[fits[i : i + 1000] for i in range(0, len(fits), 1000)]) is None
    assert reason_for(fits.replace(b"y", b"yy", 1)) is Reason.HEADERS_TOO_LARGE


def test_as_many_fields_as_the_limit_pass_and_one_more_does_not() -> None:
    fields = b"X: y\r\n" * (MAX_FIELDS - 1) + b"Content-Length: 0\r\n"
    assert reason_for(OK + fields + b"\r\n") is None
    assert reason_for(OK + b"X: y\r\n" + fields + b"\r\n") is Reason.HEADERS_TOO_LARGE


def test_a_body_of_the_limit_passes_and_one_byte_more_does_not() -> None:
    assert reason_for(OK + b"\r\n" + b"x" * LIMIT) is None
    assert reason_for(OK + b"\r\n" + b"x" * (LIMIT + 1)) is Reason.BODY_TOO_LARGE


def test_a_body_that_nobody_looks_at_is_counted_and_not_kept() -> None:
    reader = make_reader(keep_body=False)
    reader.feed(OK + b"\r\n")
    for _ in range(60):
        reader.feed(b"x" * 1000)
    reader.eof()
    assert reader.body_bytes == 60_000
    assert len(reader.body) < 5000


def test_an_answer_that_is_not_http_shows_how_it_began() -> None:
    with pytest.raises(ProbeError) as caught:
        read(b"SSH-2.0-OpenSSH_9.6\r\n")
    assert caught.value.reason is Reason.INVALID_RESPONSE
    assert caught.value.excerpt.startswith("SSH-2.0-OpenSSH")


def test_a_connection_closed_in_the_body_says_how_much_had_come() -> None:
    with pytest.raises(ProbeError, match="after 3 of 9 bytes"):
        read(OK + b"Content-Length: 9\r\n\r\nabc")
