"""A site with several servers behind one name, each of which can be broken and mended while it runs."""

import asyncio
import contextlib
import functools
import os
import random
from collections import Counter
from collections.abc import Sequence
from enum import Enum, auto
from http import HTTPStatus

REQUEST_LIMIT = 16 * 1024
"""Longest request head that is read, in bytes."""

ERROR_PAGE = "<!doctype html><title>Error</title><h1>500 - Internal server error</h1>\n"


class Answer(Enum):
    """What a server does with a request."""

    WELL = auto()
    """Status 200 and the page."""
    ERROR = auto()
    """Status 500 and the error page."""
    POLITE_ERROR = auto()
    """The error page with status 200: only the body tells that something is wrong."""
    SILENT = auto()
    """The connection is accepted and the request is read; no answer comes."""


class PortTakenError(Exception):
    """A site could not be opened; the text says which address and why."""


class Site:
    """An HTTP site: the same port on each of its addresses.

    Args:
        name: Host name, for the hosts file and for people.
        addresses: Loopback addresses, IPv4 or IPv6; one server listens on each.
        port: TCP port.
        page: The body of a good answer.
        rng: Where the jitter of the latency comes from.
        latency: Mean seconds from a request to its answer; can be set while the site runs.
    """

    def __init__(
        self,
        name: str,
        addresses: Sequence[str],
        port: int,
        *,
        page: str,
        rng: random.Random,
        latency: float = 0.03,
    ) -> None:
        self.name = name
        self.port = port
        self.latency = latency
        self.requests: Counter[str] = Counter()
        """Requests that came in so far, by address."""
        self._page = page
        self._rng = rng
        self._answers = dict.fromkeys(addresses, Answer.WELL)
        self._listeners: list[asyncio.Server] = []
        self._open: set[asyncio.Task[None]] = set()

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the site's servers, in the order given."""
        return tuple(self._answers)

    def answer(self, address: str) -> Answer:
        """Say what the server at `address` does now."""
        return self._answers[address]

    def break_server(self, address: str, answer: Answer = Answer.ERROR) -> None:
        """Make the server at `address` fail from now on."""
        self._answers[address] = answer

    def mend(self, *addresses: str) -> None:
        """Make these servers well again; all of them when none is named."""
        for address in addresses or self.addresses:
            self._answers[address] = Answer.WELL

    async def start(self) -> None:
        """Listen on every address.

        Raises:
            PortTakenError: An address cannot be listened on.
        """
        for address in self._answers:
            try:
                listener = await asyncio.start_server(
                    functools.partial(self._take, address),
                    address,
                    self.port,
                    limit=REQUEST_LIMIT,
                )
            except OSError as error:
                await self.stop()
                cause = os.strerror(error.errno).lower() if error.errno else str(error)
                raise PortTakenError(
                    f"{self.name} cannot listen on {address} port {self.port}: {cause} "
                    "(is another demo running?)"
                ) from error
            self._listeners.append(listener)

    async def stop(self) -> None:
        """Close every listener and every connection."""
        # What a selector has accepted when its server closes is left open (CPython: `Server._attach`):
        # accept nothing more, and give it the two turns that it needs to come to `_take`.
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            for listening in listener.sockets:
                loop.remove_reader(listening.fileno())
        for _ in range(2):
            await asyncio.sleep(0)
        for listener in self._listeners:
            listener.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self._listeners.clear()

    def _take(self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection, and close it even where its task is cancelled before it begins."""
        task = asyncio.get_running_loop().create_task(self._serve(address, reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        task.add_done_callback(lambda _: writer.close())

    async def _serve(self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close: probes keep nothing alive."""
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.requests[address] += 1
            answer = self._answers[address]
            if answer is Answer.SILENT:
                await reader.read()  # until the client gives up
                return
            await asyncio.sleep(self.latency * self._rng.uniform(0.6, 1.6))
            writer.write(self._response(answer))
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # a TCP check says nothing, and a client may leave at any time
        except asyncio.CancelledError:
            pass  # the site closes
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    def _response(self, answer: Answer) -> bytes:
        status = HTTPStatus.INTERNAL_SERVER_ERROR if answer is Answer.ERROR else HTTPStatus.OK
        body = (self._page if answer is Answer.WELL else ERROR_PAGE).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "Content-Type: text/html; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        return head.encode() + body
