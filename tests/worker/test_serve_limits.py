"""What a client cannot do to the worker: hold memory, hold connections, hold others up."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from pollwatch.series.exposition import Exposition
from pollwatch.worker import connection
from pollwatch.worker.health import Health
from pollwatch.worker.scrape import ScrapeOutcome
from pollwatch.worker.serve import HttpServer, Limits

SLICE = b"x" * (1 << 17)


class EndlessSource:
    """A page that never ends; it knows how much of it was asked for, and when nobody asks any more."""

    def __init__(self) -> None:
        self.slices = 0
        self.dropped = False
        self.begun: asyncio.Queue[None] = asyncio.Queue()
        """Has an item for each page that was begun."""

    def render(self, exposition: Exposition) -> Iterator[bytes]:
        del exposition
        self.begun.put_nowait(None)
        try:
            while True:
                self.slices += 1
                yield SLICE
        finally:
            self.dropped = True


class Bench:
    """A server with an endless page, and what became of its scrapes."""

    def __init__(self, limits: Limits) -> None:
        self.source = EndlessSource()
        self.outcomes: asyncio.Queue[ScrapeOutcome] = asyncio.Queue()
        self.server = HttpServer(
            "127.0.0.1:0",
            metrics=[self.source],
            health=lambda: Health(ok=True),
            ready=lambda: Health(ok=True),
            scraped=self.outcomes.put_nowait,
            limits=limits,
        )

    async def ask(self, request: bytes = b"GET /metrics HTTP/1.1\r\nHost: w\r\n\r\n") -> socket.socket:
        """Send a request from a client with small buffers that reads nothing."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)  # noqa: FBT003 -- the standard library's signature
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", self.server.port))
        await loop.sock_sendall(client, request)
        return client

    async def ended(self) -> ScrapeOutcome:
        return await asyncio.wait_for(self.outcomes.get(), 30)


async def ask_for_ever(client: socket.socket) -> None:
    """Send requests until the server ends the connection, and read none of the answers."""
    loop = asyncio.get_running_loop()
    while True:
        requests = b"GET /nowhere HTTP/1.1\r\nHost: w\r\n\r\n" * 100
        await asyncio.wait_for(loop.sock_sendall(client, requests), 30)


@asynccontextmanager
async def bench(limits: Limits) -> AsyncIterator[Bench]:
    made = Bench(limits)
    await made.server.start()
    try:
        yield made
    finally:
        await made.server.stop()


async def read_all(client: socket.socket) -> bytes:
    """Read until the server ends the connection, however it does."""
    loop = asyncio.get_running_loop()
    received = b""
    with client:
        while True:
            try:
                part = await asyncio.wait_for(loop.sock_recv(client, 65536), 30)
            except ConnectionError:
                return received
            if not part:
                return received
            received += part


async def test_a_scraper_that_does_not_read_is_dropped_and_its_page_is_not_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "STALL_SECONDS", 0.2)
    async with bench(Limits()) as served:
        client = await served.ask()
        assert await served.ended() is ScrapeOutcome.STALLED
        # The kernel's buffers and one slice: some MB, of a page without end.
        assert served.source.slices < 200
        assert served.source.dropped
        await read_all(client)


async def test_a_client_that_asks_for_much_and_reads_nothing_is_dropped_at_every_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "STALL_SECONDS", 0.2)
    async with bench(Limits()) as served:
        with await served.ask(b"") as client, pytest.raises(ConnectionError):
            await ask_for_ever(client)


async def test_a_scraper_that_goes_away_ends_its_scrape() -> None:
    async with bench(Limits()) as served:
        client = await served.ask()
        client.close()
        assert await served.ended() is ScrapeOutcome.ABORTED
        assert served.source.dropped


async def test_beyond_the_limit_a_scrape_is_refused_and_health_still_answers() -> None:
    async with bench(Limits(scrapes=2)) as served:
        slow = [await served.ask() for _ in range(2)]
        for _ in slow:
            await served.source.begun.get()
        async with httpx.AsyncClient(base_url=served.server.url) as client:
            refused = await client.get("/metrics")
            assert refused.status_code == 503
            assert refused.text == "2 scrapes are under way already; try again later\n"
            assert refused.headers["Retry-After"] == "5"
            assert await served.ended() is ScrapeOutcome.REFUSED
            assert (await client.get("/healthz")).status_code == 200
        for client_socket in slow:
            client_socket.close()
        for _ in slow:
            await served.ended()


async def test_a_place_is_free_again_when_a_scrape_has_ended() -> None:
    async with bench(Limits(scrapes=1)) as served:
        for _ in range(3):
            (await served.ask()).close()
            assert await served.ended() is ScrapeOutcome.ABORTED


async def test_stopping_does_not_wait_for_a_scraper_that_does_not_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench(Limits(stop_seconds=0.1)) as served:
        client = await served.ask()
        await served.source.begun.get()
        await asyncio.wait_for(served.server.stop(), 30)
        assert await served.ended() is ScrapeOutcome.ABORTED
        client.close()
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_request_that_is_too_large_is_refused() -> None:
    async with bench(Limits()) as served:
        request = b"GET /healthz HTTP/1.1\r\nHost: w\r\nX: " + b"y" * connection.MAX_REQUEST_BYTES
        answer = await read_all(await served.ask(request))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.endswith(b"request too large\n")


async def test_small_requests_on_one_connection_do_not_add_up() -> None:
    async with bench(Limits()) as served, httpx.AsyncClient(base_url=served.server.url) as client:
        for _ in range(3 * connection.MAX_REQUEST_BYTES // 8_000):
            assert (await client.get("/healthz", headers={"X": "y" * 8_000})).status_code == 200


async def test_a_body_counts_as_part_of_the_request() -> None:
    async with bench(Limits()) as served:
        head = b"POST /healthz HTTP/1.1\r\nHost: w\r\nContent-Length: 1000000\r\n\r\n"
        answer = await read_all(await served.ask(head + b"y" * connection.MAX_REQUEST_BYTES))
    assert answer.startswith((b"HTTP/1.1 405 ", b"HTTP/1.1 431 "))


@pytest.mark.parametrize("request_start", [b"", b"GET /metrics HTTP/1.1\r\nHos"])
async def test_a_request_that_never_arrives_whole_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, request_start: bytes
) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.1)
    async with bench(Limits()) as served:
        assert await read_all(await served.ask(request_start)) == b""


async def test_what_is_not_http_gets_a_plain_400() -> None:
    async with bench(Limits()) as served:
        assert (await read_all(await served.ask(b"\x16\x03\x01 hello\r\n\r\n"))).startswith(b"HTTP/1.1 400 ")


def visitor(server: HttpServer, address: str) -> httpx.AsyncClient:
    """A client with an address of its own, as another pod or the kubelet has one."""
    return httpx.AsyncClient(
        base_url=server.url, transport=httpx.AsyncHTTPTransport(local_address=address), timeout=30.0
    )


async def held_connection(server: HttpServer, address: str, request: bytes) -> socket.socket:
    """Connect from an address and send something, or nothing; the connection is not closed."""
    client = socket.socket()
    client.setblocking(False)  # noqa: FBT003 -- the standard library's signature
    client.bind((address, 0))
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", server.port))
    if request:
        await loop.sock_sendall(client, request)
        assert (await loop.sock_recv(client, 4096)).startswith(b"HTTP/1.1 ")
    return client


GREEDY, KUBELET, PROMETHEUS = "127.0.0.66", "127.0.0.2", "127.0.0.3"


@pytest.mark.parametrize("request_sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: w\r\n\r\n"])
async def test_a_client_that_holds_all_connections_keeps_nobody_else_out(request_sent: bytes) -> None:
    async with (
        bench(Limits(connections=8)) as served,
        visitor(served.server, PROMETHEUS) as prometheus,
        visitor(served.server, KUBELET) as kubelet,
    ):
        assert (await prometheus.get("/readyz")).is_success
        (kept,) = connections_of(prometheus)
        held = [await held_connection(served.server, GREEDY, request_sent) for _ in range(20)]
        for path in ("/healthz", "/readyz") * 3:
            assert (await kubelet.get(path, headers={"Connection": "close"})).is_success
        assert (await prometheus.get("/readyz")).is_success
        assert connections_of(prometheus) == [kept]
        assert await read_all(held[0]) == b""
        for client in held:
            client.close()


def connections_of(client: httpx.AsyncClient) -> list[object]:
    """The connections that a client keeps open."""
    transport = client._transport
    assert isinstance(transport, httpx.AsyncHTTPTransport)
    return list(transport._pool.connections)


async def test_a_response_under_way_is_kept_while_others_of_its_client_are_idle() -> None:
    async with bench(Limits(connections=3)) as served:
        under_way = await served.ask()
        await served.source.begun.get()
        idle = [await held_connection(served.server, "127.0.0.1", b"") for _ in range(6)]
        await read_all(idle[0])
        assert not served.source.dropped
        for client in (under_way, *idle):
            client.close()
        assert await served.ended() is ScrapeOutcome.ABORTED
