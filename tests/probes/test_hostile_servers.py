"""Servers that do their worst get a reasoned failure: in time, in bounded memory, at nobody else's cost."""

import asyncio
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable

import brotli
import pytest

from pollwatch.plan.checks import TextRule, TextTest
from pollwatch.plan.samples import Outcome, Reason, Sample
from pollwatch.probes.sampling import take_sample
from tests.support import hostile
from tests.support.connections import Handler
from tests.support.probing import http_target, make_network, sample_http
from tests.support.sites import running_site, serve

TIMEOUT = 2.0
NEVER_SHOWN = TextRule(test=TextTest.CONTAINS, pattern="Welcome")
"""A rule about the body: the body is kept then."""

CASES: dict[str, tuple[Handler, Reason]] = {
    "garbage": (hostile.garbage, Reason.INVALID_RESPONSE),
    "silence": (hostile.silence, Reason.RESPONSE_TIMEOUT),
    "endless headers": (hostile.endless_headers, Reason.HEADERS_TOO_LARGE),
    "many small headers": (hostile.many_small_headers, Reason.HEADERS_TOO_LARGE),
    "one endless header": (hostile.one_endless_header, Reason.HEADERS_TOO_LARGE),
    "endless interim responses": (hostile.endless_interim_responses, Reason.HEADERS_TOO_LARGE),
    "endless body": (hostile.endless_body, Reason.BODY_TOO_LARGE),
    "endless chunk extension": (hostile.endless_chunk_extension, Reason.INVALID_RESPONSE),
    "endless trailer": (hostile.endless_trailer, Reason.INVALID_RESPONSE),
    "slow drip": (hostile.slow_drip, Reason.RESPONSE_TIMEOUT),
    "gzip bomb": (hostile.gzip_bomb(), Reason.BODY_TOO_LARGE),
    "close after the request": (hostile.close_after_request, Reason.CONNECTION_CLOSED),
    "reset after the request": (hostile.resetting(), Reason.CONNECTION_RESET),
    "reset in the header": (hostile.resetting(b"HTTP/1.1 200 OK\r\nX: "), Reason.CONNECTION_RESET),
    "reset in the body": (
        hostile.resetting(hostile.HEAD + b"Content-Length: 9\r\n\r\nabc"),
        Reason.CONNECTION_RESET,
    ),
    "body shorter than its Content-Length": (
        hostile.answering(hostile.HEAD + b"Content-Length: 9\r\n\r\nabc", wait=False),
        Reason.CONNECTION_CLOSED,
    ),
    "chunked body cut short": (
        hostile.answering(hostile.HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", wait=False),
        Reason.CONNECTION_CLOSED,
    ),
    "Content-Length that is no number": (
        hostile.answering(hostile.HEAD + b"Content-Length: many\r\n\r\nabc"),
        Reason.INVALID_RESPONSE,
    ),
    "two Content-Lengths": (
        hostile.answering(hostile.HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
        Reason.INVALID_RESPONSE,
    ),
    "chunk size that is no number": (
        hostile.answering(hostile.HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        Reason.INVALID_RESPONSE,
    ),
    "transfer coding not asked for": (
        hostile.answering(hostile.HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        Reason.BODY_UNDECODABLE,
    ),
    "stacked bomb": (
        hostile.answering(
            hostile.HEAD
            + b"Content-Encoding: gzip, br\r\n\r\n"
            + brotli.compress(zlib.compress(bytes(50_000_000), 9, wbits=31))
        ),
        Reason.BODY_TOO_LARGE,
    ),
    "a header that splits the line": (
        hostile.answering(hostile.HEAD + b"X: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"),
        Reason.INVALID_RESPONSE,
    ),
}


@pytest.mark.parametrize(("handler", "reason"), CASES.values(), ids=list(CASES))
async def test_a_hostile_server_gets_a_reason_in_time_and_in_bounded_memory(
    handler: Handler, reason: Reason
) -> None:
    async with serve(handler) as server:
        sample = await sample_http(server.url, timeout=TIMEOUT, body_rules=(NEVER_SHOWN,))
    assert sample.reason is reason, sample.evidence
    assert sample.outcome is Outcome.FAILURE
    assert sample.evidence.isprintable()
    if reason is not Reason.RESPONSE_TIMEOUT:
        assert sample.duration < TIMEOUT


async def test_a_bomb_of_a_gigabyte_takes_no_more_than_the_limit_and_a_little() -> None:
    async with serve(hostile.gzip_bomb(megabytes=1024)) as server:
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        try:
            sample = await sample_http(server.url, body_rules=(NEVER_SHOWN,), max_body_bytes=1 << 20)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert sample.reason is Reason.BODY_TOO_LARGE
    # The limit, what one read brings, and the same again where the pieces are put together.
    assert peak - before < 4 << 20


async def test_a_server_that_closes_at_once_closed_or_reset_the_connection() -> None:
    async with serve(hostile.close_at_once) as server:
        sample = await sample_http(server.url, timeout=TIMEOUT)
    # Which of the two depends on whether the request was under way already.
    assert sample.reason in (Reason.CONNECTION_CLOSED, Reason.CONNECTION_RESET)


@pytest.mark.parametrize(
    "during", [hostile.close_at_once, hostile.resetting(), hostile.garbage], ids=["close", "reset", "garbage"]
)
async def test_a_server_that_breaks_the_handshake_is_a_failed_sample_with_no_http_facts(
    during: Handler,
) -> None:
    async with serve(during) as server:
        sample = await sample_http(f"https://127.0.0.1:{server.port}/", timeout=TIMEOUT)
    assert sample.reason in (Reason.CONNECTION_RESET, Reason.TLS_FAILED)
    assert sample.http is None
    assert sample.phases.connect > 0
    assert sample.phases.processing == 0


async def test_hostile_servers_do_not_delay_the_probes_beside_them() -> None:
    network = make_network()
    loop = asyncio.get_running_loop()

    async def longest_hold(work: Callable[[], Awaitable[object]]) -> float:
        """How long the loop was held at most, while some work was done."""
        longest = 0.0

        async def watch() -> None:
            nonlocal longest
            while True:
                then = loop.time()
                await asyncio.sleep(0)
                longest = max(longest, loop.time() - then)

        watcher = loop.create_task(watch())
        await work()
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
        return longest

    async with running_site() as site, serve(hostile.endless_body) as body, serve(hostile.silence) as silent:
        good = http_target(site.url)
        bad = [http_target(server.url, timeout=TIMEOUT) for server in (body, silent)] * 10

        async def together() -> list[Sample]:
            hostiles = [loop.create_task(take_sample(target, network)) for target in bad]
            samples = [await take_sample(good, network) for _ in range(20)]
            assert not all(task.done() for task in hostiles), "the good probes did not wait for the bad"
            failed = await asyncio.gather(*hostiles)
            assert all(sample.outcome is Outcome.FAILURE for sample in failed)
            assert all(sample.outcome is Outcome.SUCCESS for sample in samples)
            return samples

        # Far below the timeout that the hostile servers use up, on however noisy a machine.
        assert await longest_hold(together) < TIMEOUT / 2
    await network.aclose()
