"""The worker's endpoints, over real connections."""

import asyncio
import gzip
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import httpx
import pytest

from pollwatch.plan.checks import Target
from pollwatch.series.exposition import Exposition
from pollwatch.series.store import SeriesStore
from pollwatch.worker.asgi import App, Message, Receive, Scope, Send, reply
from pollwatch.worker.health import Health, LoopMonitor, WorkerMetrics
from pollwatch.worker.scrape import ScrapeApp
from pollwatch.worker.serve import HttpServer
from tests.support.clock import FakeClock
from tests.support.exposition import parse, values
from tests.support.plans import make_check, make_sample

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
"""What Prometheus 3 asks with."""


def fine() -> Health:
    return Health(ok=True)


@asynccontextmanager
async def serving(
    *,
    checks: int = 1,
    health: Callable[[], Health] = fine,
    ready: Callable[[], Health] = fine,
    routes: dict[str, App] | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    clock = FakeClock()
    own = WorkerMetrics(clock, LoopMonitor(clock))
    store = SeriesStore()
    for number in range(checks):
        check = make_check(f"check-{number}")
        store.open_check(check)
        store.open_target(Target(check)).observe(make_sample())
    server = HttpServer(
        "127.0.0.1:0",
        metrics=[own, store],
        health=health,
        ready=ready,
        routes=routes or {},
        scraped=own.scraped,
    )
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url) as client:
            yield client
    finally:
        await server.stop()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with serving() as client:
        yield client


async def test_metrics_has_the_series_of_checks_and_of_the_worker(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    series = parse(answer.content, Exposition.TEXT)
    assert values(series, "probe_success", "check") == {"check-0": 1}
    assert ("pollwatch_worker_plan_checks", frozenset()) in series
    assert ("process_cpu_seconds_total", frozenset()) in series


async def test_openmetrics_is_one_page_with_one_end(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics", headers={"Accept": OPENMETRICS})
    assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.text.count("# EOF") == 1
    series = parse(answer.content, Exposition.OPENMETRICS)
    assert values(series, "probe_success", "check") == {"check-0": 1}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Exposition.TEXT),
        ("*/*", Exposition.TEXT),
        ("text/html, image/png", Exposition.TEXT),
        ("text/plain;version=0.0.4", Exposition.TEXT),
        (OPENMETRICS, Exposition.OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0", Exposition.OPENMETRICS),
        (PROMETHEUS_3, Exposition.OPENMETRICS),
        (f"{OPENMETRICS};q=0.2, text/plain;q=0.7", Exposition.TEXT),
        (f"{OPENMETRICS};q=0", Exposition.TEXT),
        (f"{OPENMETRICS};q=nonsense", Exposition.TEXT),
        ("application/openmetrics-text;version=7.0.0", Exposition.TEXT),
        (";;,,=;q==", Exposition.TEXT),
    ],
)
async def test_the_scraper_gets_the_format_it_likes_best(
    client: httpx.AsyncClient, accept: str, expected: Exposition
) -> None:
    answer = await client.get("/metrics", headers={"Accept": accept})
    assert answer.headers["Content-Type"] == expected.value


@pytest.mark.parametrize(
    ("accept_encoding", "compressed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0, *", False),
    ],
)
async def test_the_page_is_compressed_only_for_those_who_accept_it(
    client: httpx.AsyncClient, accept_encoding: str, *, compressed: bool
) -> None:
    async with client.stream("GET", "/metrics", headers={"Accept-Encoding": accept_encoding}) as answer:
        body = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers.get("Content-Encoding") == ("gzip" if compressed else None)
    parse(gzip.decompress(body) if compressed else body, Exposition.TEXT)


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_page_of_many_slices_arrives_whole(coding: str) -> None:
    async with serving(checks=1_000) as client:
        answer = await client.get("/metrics", headers={"Accept-Encoding": coding})
    assert len(values(parse(answer.content, Exposition.TEXT), "probe_success", "check")) == 1_000


async def test_health_and_readiness_say_what_is_wrong() -> None:
    async with serving(
        health=lambda: Health(ok=False, message="the event loop was held for 7.0 s"),
        ready=lambda: Health(ok=False, message="no plan yet"),
    ) as client:
        health, ready = await client.get("/healthz"), await client.get("/readyz")
    assert (health.status_code, health.text) == (503, "the event loop was held for 7.0 s\n")
    assert (ready.status_code, ready.text) == (503, "no plan yet\n")


async def test_health_and_readiness_are_ok_in_one_word(client: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/readyz"):
        answer = await client.get(path)
        assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_the_front_page_lists_the_endpoints_and_other_paths_say_where_to_look(
    client: httpx.AsyncClient,
) -> None:
    front = await client.get("/")
    assert front.text.split() == ["Pollwatch", "/healthz", "/metrics", "/readyz"]
    missing = await client.get("/metric")
    assert (missing.status_code, missing.text) == (404, "not found; / lists what is here\n")


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz"])
async def test_head_has_the_headers_of_get_and_no_body(client: httpx.AsyncClient, path: str) -> None:
    answer, full = await client.head(path), await client.get(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == full.headers["Content-Type"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_not_allowed(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/metrics")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"


async def test_more_endpoints_can_be_mounted() -> None:
    async def feed(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await reply(send, HTTPStatus.OK, "news")

    async with serving(routes={"/feed": feed}) as client:
        assert (await client.get("/feed")).text == "news\n"
        assert "/feed" in (await client.get("/")).text


async def test_a_scrape_that_ended_well_is_counted(client: httpx.AsyncClient) -> None:
    await client.get("/metrics")
    series = parse((await client.get("/metrics")).content, Exposition.TEXT)
    assert values(series, "pollwatch_worker_scrapes_total", "outcome")["complete"] == 1


async def test_the_loop_runs_on_while_ten_thousand_checks_are_scraped() -> None:
    async with serving(checks=10_000) as client:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0)
        before = ticks
        async with client.stream("GET", "/metrics", headers={"Accept-Encoding": "gzip"}) as answer:
            async for _ in answer.aiter_raw():
                pass
        ticking.cancel()
    # A slice at a time: the loop was free at least once for each of some 300 slices.
    assert ticks - before > 200


async def test_the_loop_has_its_turn_after_each_slice_even_when_the_client_is_never_slow() -> None:
    class TwentySlices:
        def render(self, exposition: Exposition) -> Iterator[bytes]:
            del exposition
            return iter([b"x"] * 20)

    class Reader:
        stalled = False

        def is_gone(self) -> bool:
            return False

    async def send(message: Message) -> None:
        del message

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    app = ScrapeApp([TwentySlices()], max_concurrent=1, count=lambda _: None)
    extensions = {"pollwatch.connection": {"client": Reader()}}
    ticking = asyncio.create_task(tick())
    await app({"type": "http", "method": "GET", "headers": [], "extensions": extensions}, receive, send)
    ticking.cancel()
    assert ticks >= 19


async def test_the_server_leaves_signals_to_its_host() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with serving():
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_stopping_ends_idle_connections_and_frees_the_port() -> None:
    server = HttpServer("127.0.0.1:0", metrics=[], health=fine, ready=fine)
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    port = server.port
    await server.stop()
    await server.stop()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    again = HttpServer(f"127.0.0.1:{port}", metrics=[], health=fine, ready=fine)
    await again.start()
    await again.stop()
