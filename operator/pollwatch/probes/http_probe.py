"""HTTP/1.1, plain and over TLS, with redirects.

One request makes one connection: nothing is kept alive, so that every sample goes through name
resolution, connection, handshake and answer, as a new visitor does.
"""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

from pollwatch.plan.checks import HttpProbe, Target
from pollwatch.plan.samples import HttpFacts, Reason
from pollwatch.probes.dialling import dial
from pollwatch.probes.expectations import Expectations, compile_expectations
from pollwatch.probes.failure import ProbeError
from pollwatch.probes.http_reader import ResponseReader
from pollwatch.probes.network import Network
from pollwatch.probes.redirects import REDIRECTS, next_request
from pollwatch.probes.request import Request
from pollwatch.probes.tls import client_context
from pollwatch.probes.tracing import Trace
from pollwatch.probes.urls import Origin, parse_url


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedHttp:
    """What can be known of an HTTP probe before it runs."""

    request: Request
    wire: bytes
    """The first request's bytes."""
    expectations: Expectations


@lru_cache(maxsize=1 << 16)
def prepare(probe: HttpProbe) -> PreparedHttp:
    """Take the URL apart, write the request and compile the rules: once, not for each sample.

    Raises:
        ValueError: The URL or a header cannot be sent.
        re2.error: A rule's pattern is not a regular expression.
    """
    request = Request(method=probe.method, url=parse_url(probe.url), headers=probe.headers, body=probe.body)
    return PreparedHttp(request=request, wire=request.serialize(), expectations=compile_expectations(probe))


async def probe_http(target: Target, trace: Trace, network: Network) -> None:
    """Send a Check's request, follow redirects, and judge the final response.

    Raises:
        ProbeError: The target did not answer as it must.
    """
    check, probe = target.check, target.check.probe
    if not isinstance(probe, HttpProbe):
        raise TypeError(f"not an HTTP probe: {type(probe).__name__}")
    prepared = prepare(probe)
    request, wire = prepared.request, prepared.wire
    for redirects in range(probe.max_redirects + 1):
        origin = request.url.origin
        own = origin.host == prepared.request.url.origin.host
        response = ResponseReader(
            method=request.method, max_body_bytes=probe.max_body_bytes, keep_body=bool(probe.body_rules)
        )
        connection = await dial(
            origin.host,
            origin.port,
            network=network,
            trace=trace,
            pinned=target.address if own else None,
            own=own,
        )
        try:
            if origin.scheme == "https":
                server_name = (own and probe.tls.server_name) or origin.host
                trace.tls = await connection.secure(client_context(probe.tls), server_name)
            await connection.exchange(wire, response)
        finally:
            connection.close()
            response.release()
            if response.status:
                trace.http = _facts(response, origin, redirects)
        if not probe.max_redirects or response.status not in REDIRECTS:
            _judge(response, prepared.expectations, trace)
            return
        request = next_request(
            request,
            first=prepared.request,
            status=response.status,
            location=response.field(b"location"),
            confidential=check.confidential,
        )
        wire = request.serialize()
    raise ProbeError(
        Reason.TOO_MANY_REDIRECTS,
        f"more than {probe.max_redirects} redirects; the last leads to {request.url.text}",
    )


def _judge(response: ResponseReader, expectations: Expectations, trace: Trace) -> None:
    failure = expectations.judge(response)
    if failure is None:
        return
    if trace.http is not None and failure.reason is not Reason.UNEXPECTED_STATUS:
        trace.http = trace.http._replace(failed_regex=True)
    raise failure


def _facts(response: ResponseReader, origin: Origin, redirects: int) -> HttpFacts:
    return HttpFacts(
        status=response.status,
        version=response.version,
        content_length=response.content_length,
        body_bytes=response.body_bytes,
        redirects=redirects,
        tls=origin.scheme == "https",
        last_modified=http_date(response.last_modified) if response.last_modified else None,
    )


@lru_cache(maxsize=4096)
def http_date(value: bytes) -> float | None:
    """Unix seconds of an HTTP date (RFC 9110, section 5.6.7); `None` when it is none."""
    try:
        moment = parsedate_to_datetime(value.decode("latin-1"))
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None
