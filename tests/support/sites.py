"""Real servers in the test's own process: a site whose answers can be switched while it is probed."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from tests.support.connections import Connections, Handler


@dataclass
class Server:
    """Where a server listens, and how many connections it has had."""

    host: str
    port: int
    tls: bool
    connections: int = 0

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/"

    def url_for(self, host: str, path: str = "/") -> str:
        """The URL by another name of the server."""
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"


@contextlib.asynccontextmanager
async def serve(
    handler: Handler, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Run a handler for each connection; at the end cut every connection and wait for the handlers."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        # A client that goes away is no fault of the server's.
        with contextlib.suppress(OSError, EOFError, ssl.SSLError):
            await handler(reader, writer)

    connections = Connections(handle)
    listener = await asyncio.start_server(connections, host, port, ssl=tls)
    server = Server(host, listener.sockets[0].getsockname()[1], tls is not None)
    try:
        yield server
    finally:
        await connections.close(listener)


@dataclass(frozen=True)
class Answer:
    """What a site answers: a whole response, or its parts."""

    body: bytes = b"Welcome"
    status: int = 200
    phrase: str = "OK"
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/html"),)
    delay: float = 0.0
    """Seconds before the first byte."""

    def serialize(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {self.phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Content-Length: {len(self.body)}", "Connection: close", "", ""]
        return "\r\n".join(lines).encode() + self.body


SERVER_ERROR = Answer(body=b"500 - Internal server error", status=500, phrase="Internal Server Error")
"""What the immigration site answered for some people."""


@dataclass(frozen=True)
class SeenRequest:
    """A request as the site read it. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Site:
    """A site. Switch `answer`, or an entry of `answers`, at any time."""

    server: Server
    answer: Answer | bytes = field(default_factory=Answer)
    """For every path that `answers` does not have; bytes are sent as they are."""
    answers: dict[str, Answer | bytes] = field(default_factory=dict)
    requests: list[SeenRequest] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def port(self) -> int:
        return self.server.port

    def url_for(self, host: str, path: str = "/") -> str:
        return self.server.url_for(host, path)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        self.requests.append(request)
        answer = self.answers.get(request.path, self.answer)
        if isinstance(answer, Answer) and answer.delay:
            await asyncio.sleep(answer.delay)
        wire = answer if isinstance(answer, bytes) else answer.serialize()
        if request.method == "HEAD":
            wire = wire.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        writer.write(wire)
        await writer.drain()


async def read_request(reader: asyncio.StreamReader) -> SeenRequest:
    """Read one request with its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = request_line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return SeenRequest(method, path, headers, body)


@contextlib.asynccontextmanager
async def running_site(
    *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Site]:
    """A site for the time of the block, on a free port unless one is given."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await site.handle(reader, writer)

    async with serve(handle, host=host, port=port, tls=tls) as server:
        site = Site(server)
        yield site
