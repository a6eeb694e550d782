"""A probe's memory goes when the probe ends, and does not wait for the garbage collector."""

import asyncio
import gc
from collections.abc import Iterator

import httptools
import pytest

from pollwatch.plan.checks import TlsOptions
from pollwatch.probes.http_reader import ResponseReader
from pollwatch.probes.tracing import Trace
from pollwatch.probes.wire import Wire
from tests.support import hostile
from tests.support.certificates import Authority
from tests.support.probing import sample_http
from tests.support.sites import running_site, serve

KINDS = (Wire, ResponseReader, Trace, httptools.HttpResponseParser)


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def left_behind() -> list[object]:
    return [thing for thing in gc.get_objects() if isinstance(thing, KINDS)]


async def settle() -> None:
    """Let the event loop tell the protocols that their connections are gone."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.usefixtures("no_collector")
async def test_good_and_bad_probes_leave_no_cycles_of_references(authority: Authority) -> None:
    trusting = TlsOptions(ca_pem=authority.pem)
    async with (
        running_site() as plain,
        running_site(tls=authority.server_context()) as secure,
        serve(hostile.garbage) as garbage,
        serve(hostile.silence) as silent,
        serve(hostile.resetting()) as resetting,
    ):
        await sample_http(plain.url)
        await sample_http(secure.url, tls=trusting)
        await sample_http(secure.url)  # Not trusted.
        await sample_http(garbage.url)
        await sample_http(f"https://127.0.0.1:{garbage.port}/")
        await sample_http(resetting.url)
        await sample_http(silent.url, timeout=0.05)
        await settle()
        assert left_behind() == []


async def test_no_session_is_kept_between_handshakes(authority: Authority) -> None:
    context = authority.server_context()
    async with running_site(tls=context) as site:
        for _ in range(3):
            await sample_http(site.url, tls=TlsOptions(ca_pem=authority.pem))
    assert context.session_stats()["hits"] == 0
    assert context.session_stats()["accept_good"] == 3
