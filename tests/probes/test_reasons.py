"""Every reason of the closed set is reached by something that really happens."""

import contextlib
import os
import resource
import socket
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dns.rcode
import dns.rdatatype
import pytest

from pollwatch.plan.checks import Header, HeaderRule, TextRule, TextTest, TlsOptions
from pollwatch.plan.egress import EgressPolicy
from pollwatch.plan.samples import Outcome, Reason, Sample
from tests.support import hostile
from tests.support.certificates import Authority
from tests.support.connections import Handler
from tests.support.dns import Zone, running_name_server
from tests.support.probing import make_network, sample_http, sample_tcp
from tests.support.sites import SERVER_ERROR, Answer, running_site, serve

Scenario = Callable[[Authority], Awaitable[Sample]]


async def answered_by(handler: Handler, **options: Any) -> Sample:
    async with serve(handler) as server:
        return await sample_http(server.url, **options)


async def site_answering(answer: Answer, **options: Any) -> Sample:
    async with running_site() as site:
        site.answer = answer
        return await sample_http(site.url, **options)


async def dns_saying(zone: Zone, **options: Any) -> Sample:
    async with running_name_server(zone) as server:
        return await sample_http(
            "http://www.example.org/", network=make_network(server, attempts=1), **options
        )


async def dns_not_found(_: Authority) -> Sample:
    return await dns_saying(Zone())


async def dns_failed(_: Authority) -> Sample:
    return await dns_saying(Zone(rcodes={"www.example.org": dns.rcode.SERVFAIL}))


async def dns_timeout(_: Authority) -> Sample:
    silent = {("www.example.org", dns.rdatatype.A), ("www.example.org", dns.rdatatype.AAAA)}
    return await dns_saying(Zone(silent=silent), timeout=0.3)


async def egress_denied(_: Authority) -> Sample:
    return await sample_http(
        "http://127.0.0.1/", network=make_network(egress=EgressPolicy(default_allow=False))
    )


async def connect_refused(_: Authority) -> Sample:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    return await sample_http(f"http://127.0.0.1:{port}/")


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full: the next one is neither accepted nor refused."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)  # noqa: FBT003 - the socket's own signature
            with contextlib.suppress(BlockingIOError):
                client.connect(listener.getsockname())
        yield listener.getsockname()[1]


async def connect_timeout(_: Authority) -> Sample:
    with full_backlog() as port:
        return await sample_http(f"http://127.0.0.1:{port}/", timeout=0.5)


async def connect_failed(_: Authority) -> Sample:
    # A broadcast address cannot be connected to: the kernel says so at once, without a packet.
    return await sample_tcp("255.255.255.255", 80)


async def tls_sample(
    authority: Authority, *names: str, trusted: Authority | None = None, expires: datetime | None = None
) -> Sample:
    context = authority.server_context(*names, expires=expires)
    async with running_site(tls=context) as site:
        return await sample_http(site.url, tls=TlsOptions(ca_pem=(trusted or authority).pem))


async def tls_failed(_: Authority) -> Sample:
    async with serve(hostile.garbage) as server:
        return await sample_http(f"https://127.0.0.1:{server.port}/")


async def tls_timeout(_: Authority) -> Sample:
    async with serve(hostile.silence) as server:
        return await sample_http(f"https://127.0.0.1:{server.port}/", timeout=0.3)


async def certificate_expired(authority: Authority) -> Sample:
    return await tls_sample(authority, expires=datetime.now(UTC) - timedelta(days=1))


async def certificate_name_mismatch(authority: Authority) -> Sample:
    return await tls_sample(authority, "www.elsewhere.example")


async def certificate_untrusted(authority: Authority) -> Sample:
    return await tls_sample(authority, trusted=Authority())


async def connection_reset(_: Authority) -> Sample:
    return await answered_by(hostile.resetting())


async def connection_closed(_: Authority) -> Sample:
    return await answered_by(hostile.close_after_request)


async def response_timeout(_: Authority) -> Sample:
    return await answered_by(hostile.silence, timeout=0.3)


async def invalid_response(_: Authority) -> Sample:
    return await answered_by(hostile.garbage)


async def headers_too_large(_: Authority) -> Sample:
    return await answered_by(hostile.endless_headers)


async def body_too_large(_: Authority) -> Sample:
    return await answered_by(hostile.endless_body)


async def body_undecodable(_: Authority) -> Sample:
    return await site_answering(Answer(body=b"plain", headers=(("Content-Encoding", "gzip"),)))


async def too_many_redirects(_: Authority) -> Sample:
    return await site_answering(Answer(status=302, headers=(("Location", "/"),)), max_redirects=3)


async def invalid_redirect(_: Authority) -> Sample:
    answer = Answer(status=302, headers=(("Location", "ftp://files.example/"),))
    return await site_answering(answer, max_redirects=3)


async def unexpected_status(_: Authority) -> Sample:
    return await site_answering(SERVER_ERROR)


async def unexpected_body(_: Authority) -> Sample:
    return await site_answering(Answer(), body_rules=(TextRule(test=TextTest.CONTAINS, pattern="Bienvenue"),))


async def unexpected_header(_: Authority) -> Sample:
    rule = HeaderRule(name="content-type", test=TextTest.MATCHES, pattern="^application/json")
    return await site_answering(Answer(), header_rules=(rule,))


async def resources_exhausted(_: Authority) -> Sample:
    async with running_site() as site:
        with no_descriptor_left():
            return await sample_http(site.url)


@contextlib.contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Use up the process's file descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                while True:
                    stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def internal(_: Authority) -> Sample:
    return await site_answering(Answer(), headers=(Header(name="X-Split", value="a\r\nX-Injected: b"),))


SCENARIOS: dict[Reason, Scenario] = {
    Reason.DNS_NOT_FOUND: dns_not_found,
    Reason.DNS_FAILED: dns_failed,
    Reason.DNS_TIMEOUT: dns_timeout,
    Reason.CONNECT_REFUSED: connect_refused,
    Reason.CONNECT_TIMEOUT: connect_timeout,
    Reason.CONNECT_FAILED: connect_failed,
    Reason.TLS_FAILED: tls_failed,
    Reason.TLS_TIMEOUT: tls_timeout,
    Reason.CERTIFICATE_EXPIRED: certificate_expired,
    Reason.CERTIFICATE_NAME_MISMATCH: certificate_name_mismatch,
    Reason.CERTIFICATE_UNTRUSTED: certificate_untrusted,
    Reason.CONNECTION_RESET: connection_reset,
    Reason.CONNECTION_CLOSED: connection_closed,
    Reason.RESPONSE_TIMEOUT: response_timeout,
    Reason.INVALID_RESPONSE: invalid_response,
    Reason.HEADERS_TOO_LARGE: headers_too_large,
    Reason.BODY_TOO_LARGE: body_too_large,
    Reason.BODY_UNDECODABLE: body_undecodable,
    Reason.TOO_MANY_REDIRECTS: too_many_redirects,
    Reason.INVALID_REDIRECT: invalid_redirect,
    Reason.UNEXPECTED_STATUS: unexpected_status,
    Reason.UNEXPECTED_BODY: unexpected_body,
    Reason.UNEXPECTED_HEADER: unexpected_header,
    Reason.EGRESS_DENIED: egress_denied,
    Reason.RESOURCES_EXHAUSTED: resources_exhausted,
    Reason.INTERNAL: internal,
}


def test_every_reason_has_a_scenario() -> None:
    assert set(SCENARIOS) == set(Reason)


@pytest.mark.parametrize("reason", SCENARIOS, ids=str)
async def test_a_failed_sample_says_why(reason: Reason, authority: Authority) -> None:
    sample = await SCENARIOS[reason](authority)
    assert sample.reason is reason, sample.evidence
    assert sample.evidence
    of_the_prober = reason in (Reason.EGRESS_DENIED, Reason.RESOURCES_EXHAUSTED, Reason.INTERNAL)
    assert sample.outcome is (Outcome.ERROR if of_the_prober else Outcome.FAILURE)
