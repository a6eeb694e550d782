"""What a sample of an HTTP site says."""

import asyncio
import os
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest

from pollwatch.plan.checks import Header, HeaderRule, StatusRange, TextRule, TextTest, TlsOptions
from pollwatch.plan.samples import MAX_EVIDENCE, Outcome, Reason
from tests.support import hostile
from tests.support.certificates import Authority
from tests.support.probing import sample_http
from tests.support.sites import SERVER_ERROR, Answer, running_site, serve

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def body_rule(test: TextTest, pattern: str) -> tuple[TextRule, ...]:
    return (TextRule(test=test, pattern=pattern),)


async def test_a_good_answer_is_a_success_with_its_facts() -> None:
    async with running_site() as site:
        site.answer = Answer(body=b"Welcome", headers=(("Last-Modified", "Tue, 08 Nov 2016 20:00:00 GMT"),))
        sample = await sample_http(site.url)
    assert sample.outcome is Outcome.SUCCESS
    assert sample.reason is None
    assert sample.evidence == ""
    assert sample.address == "127.0.0.1"
    assert sample.tls is None
    http = sample.http
    assert http is not None
    assert (http.status, http.version, http.content_length, http.body_bytes) == (200, "1.1", 7, 7)
    assert (http.redirects, http.tls, http.failed_regex) == (0, False, False)
    assert http.last_modified == 1478635200.0


async def test_the_request_carries_the_defaults_that_people_expect() -> None:
    async with running_site() as site:
        await sample_http(site.url_for("127.0.0.1", "/some path?q=a b&c=é#top"))
    (request,) = site.requests
    assert request.method == "GET"
    assert request.path == "/some%20path?q=a%20b&c=%C3%A9"
    assert request.headers["host"] == f"127.0.0.1:{site.port}"
    assert request.headers["user-agent"].startswith("Pollwatch/")
    assert request.headers["accept"] == "*/*"
    assert request.headers["accept-encoding"] == "gzip, deflate, br, zstd"
    assert request.headers["connection"] == "close"
    assert "content-length" not in request.headers


async def test_method_headers_and_body_are_sent_as_the_check_has_them() -> None:
    headers = (
        Header(name="User-Agent", value="Probe/1"),
        Header(name="Host", value="www.example.org"),
        Header(name="X-Latin", value="café"),
    )
    async with running_site() as site:
        await sample_http(site.url, method="POST", headers=headers, body=b"a=1")
    (request,) = site.requests
    assert (request.method, request.body) == ("POST", b"a=1")
    assert request.headers["user-agent"] == "Probe/1"
    assert request.headers["host"] == "www.example.org"
    assert request.headers["content-length"] == "3"


async def test_credentials_in_the_url_become_basic_authorization() -> None:
    async with running_site() as site:
        await sample_http(f"http://user:p%40ss@127.0.0.1:{site.port}/")
    assert site.requests[0].headers["authorization"] == "Basic dXNlcjpwQHNz"


@pytest.mark.parametrize(
    ("coding", "code"),
    [
        ("", bytes),
        ("gzip", lambda data: zlib.compress(data, wbits=31)),
        ("deflate", zlib.compress),
        ("br", brotli.compress),
        ("zstd", zstd.compress),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_body_is_judged_decoded(coding: str, code: Callable[[bytes], bytes]) -> None:
    async with running_site() as site:
        site.answer = Answer(body=code(b"Welcome to Canada"), headers=(("Content-Encoding", coding),))
        sample = await sample_http(site.url, body_rules=body_rule(TextTest.MATCHES, "Welcome.*Canada"))
    assert sample.outcome is Outcome.SUCCESS, sample.evidence
    assert sample.http is not None
    assert sample.http.body_bytes == len("Welcome to Canada")


async def test_an_unexpected_status_is_shown_with_the_beginning_of_the_body() -> None:
    async with running_site() as site:
        site.answer = SERVER_ERROR
        sample = await sample_http(site.url, statuses=(StatusRange(200, 299), StatusRange(404, 404)))
    assert sample.reason is Reason.UNEXPECTED_STATUS
    assert sample.evidence == (
        "status 500 Internal Server Error, expected 2xx, 404; the body begins: 500 - Internal server error"
    )
    assert sample.http is not None
    assert sample.http.status == 500
    assert not sample.http.failed_regex


@pytest.mark.parametrize(
    ("test", "pattern", "holds"),
    [
        (TextTest.CONTAINS, "Welcome", True),
        (TextTest.CONTAINS, "welcome", False),
        (TextTest.NOT_CONTAINS, "Internal server error", True),
        (TextTest.NOT_CONTAINS, "Welcome", False),
        (TextTest.MATCHES, "(?i)^welcome", True),
        (TextTest.MATCHES, "^come", False),
        (TextTest.NOT_MATCHES, "error|exception", True),
        (TextTest.NOT_MATCHES, "W.l", False),
        (TextTest.CONTAINS, "\N{SNOWMAN}", True),
    ],
)
async def test_a_body_rule_holds_or_is_shown_with_the_body(test: TextTest, pattern: str, holds: bool) -> None:  # noqa: FBT001 - a table
    async with running_site() as site:
        site.answer = Answer(body="Welcome \N{SNOWMAN}".encode())
        sample = await sample_http(site.url, body_rules=body_rule(test, pattern))
    assert (sample.outcome is Outcome.SUCCESS) is holds
    assert sample.http is not None
    assert sample.http.failed_regex is not holds
    if not holds:
        assert sample.reason is Reason.UNEXPECTED_BODY
        assert f"'{pattern}'" in sample.evidence
        assert sample.evidence.endswith("it begins: Welcome \N{SNOWMAN}")


async def test_a_body_in_another_charset_is_judged_as_text() -> None:
    async with running_site() as site:
        site.answer = Answer(
            body="Québec".encode("latin-1"), headers=(("Content-Type", 'text/html; charset="ISO-8859-1"'),)
        )
        sample = await sample_http(site.url, body_rules=body_rule(TextTest.CONTAINS, "Québec"))
    assert sample.outcome is Outcome.SUCCESS, sample.evidence


async def test_a_header_rule_reads_a_missing_header_as_no_text() -> None:
    required = HeaderRule(name="x-cache", test=TextTest.CONTAINS, pattern="HIT")
    forbidden = HeaderRule(name="x-cache", test=TextTest.NOT_MATCHES, pattern=".")
    async with running_site() as site:
        missing = await sample_http(site.url, header_rules=(required,))
        absent = await sample_http(site.url, header_rules=(forbidden,))
        site.answer = Answer(headers=(("X-Cache", "HIT from edge"),))
        present = await sample_http(site.url, header_rules=(required,))
    assert missing.reason is Reason.UNEXPECTED_HEADER
    assert missing.evidence == "header x-cache must contain 'HIT', and is: missing"
    assert missing.http is not None
    assert missing.http.failed_regex
    assert absent.outcome is present.outcome is Outcome.SUCCESS


async def test_a_head_request_reads_no_body() -> None:
    async with running_site() as site:
        sample = await sample_http(site.url, method="HEAD")
    assert sample.outcome is Outcome.SUCCESS
    assert sample.http is not None
    assert (sample.http.content_length, sample.http.body_bytes) == (7, 0)


async def test_phases_add_up_to_the_duration() -> None:
    async with running_site() as site:
        site.answer = Answer(delay=0.2)
        sample = await sample_http(site.url)
    assert sample.phases.tls == 0
    assert sample.phases.connect > 0
    assert sample.phases.processing >= 0.19
    assert sample.phases.transfer > 0
    assert sum(sample.phases) <= sample.duration
    assert sum(sample.phases) == pytest.approx(sample.duration, abs=0.1)


async def test_a_missed_deadline_is_charged_to_the_phase_it_was_missed_in() -> None:
    async with serve(hostile.silence) as server:
        sample = await sample_http(server.url, timeout=0.3)
    assert sample.reason is Reason.RESPONSE_TIMEOUT
    assert "'processing'" in sample.evidence
    assert sample.phases.processing >= 0.2
    assert sample.phases.transfer == 0
    assert sample.http is None


async def test_what_was_known_before_the_deadline_is_in_the_sample() -> None:
    async with serve(hostile.answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")) as server:
        sample = await sample_http(server.url, timeout=0.3)
    assert sample.reason is Reason.RESPONSE_TIMEOUT
    assert sample.http is not None
    assert (sample.http.status, sample.http.body_bytes) == (200, 3)
    assert sample.phases.transfer > 0
    assert sample.address == "127.0.0.1"


async def test_secrets_are_in_no_part_of_a_sample() -> None:
    token = "s3cr3t-t0ken/with+signs"
    async with running_site() as site:
        site.answer = Answer(
            status=401,
            phrase=token,
            body=f"bad token {token} {token.replace('/', '%2F')} {token * 300}".encode(),
        )
        sample = await sample_http(
            site.url,
            headers=(Header(name="Authorization", value=f"Bearer {token}"),),
            confidential=(token,),
        )
    assert sample.reason is Reason.UNEXPECTED_STATUS
    assert "[redacted]" in sample.evidence
    assert "s3cr3t" not in repr(sample)
    assert len(sample.evidence) <= MAX_EVIDENCE
    assert site.requests[0].headers["authorization"] == f"Bearer {token}"


@pytest.mark.parametrize(
    "header",
    [
        Header(name="X", value="a\r\nX-Injected: b"),
        Header(name="X", value="a\nb"),
        Header(name="X", value="a\0b"),
        Header(name="X: y\r\nZ", value="a"),
        Header(name="", value="a"),
    ],
    ids=["CRLF", "LF", "NUL", "name", "empty"],
)
async def test_a_header_that_would_end_its_line_is_never_sent(header: Header) -> None:
    async with running_site() as site:
        sample = await sample_http(site.url, headers=(header,))
    assert sample.outcome is Outcome.ERROR
    assert sample.reason is Reason.INTERNAL
    assert site.server.connections == 0


async def test_framing_headers_of_the_check_do_not_reach_the_wire() -> None:
    headers = (Header(name="Content-Length", value="999"), Header(name="Transfer-Encoding", value="chunked"))
    async with running_site() as site:
        sample = await sample_http(site.url, method="POST", headers=headers, body=b"abc")
    assert sample.outcome is Outcome.SUCCESS, sample.evidence
    assert site.requests[0].headers["content-length"] == "3"
    assert "transfer-encoding" not in site.requests[0].headers


async def test_each_sample_is_a_connection_of_its_own(authority: Authority) -> None:
    async with running_site(tls=authority.server_context()) as site:
        for _ in range(3):
            sample = await sample_http(site.url, tls=TlsOptions(ca_pem=authority.pem))
            assert sample.outcome is Outcome.SUCCESS
    assert site.server.connections == 3


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: it reads /proc")
async def test_probes_leave_no_descriptor_behind(authority: Authority) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not read

    async with serve(hostile.garbage) as bad, running_site(tls=authority.server_context()) as good:
        await sample_http(bad.url)
        before = descriptors()
        for _ in range(5):
            await sample_http(bad.url)
            await sample_http(f"https://127.0.0.1:{bad.port}/")
            await sample_http(good.url, timeout=5.0)  # An untrusted certificate.
            await sample_http("http://127.0.0.1:9/")
        for _ in range(20):  # The server's side is in this process too, and closes when it hears of it.
            await asyncio.sleep(0.01)
            if descriptors() <= before:
                break
        assert descriptors() <= before + 2
