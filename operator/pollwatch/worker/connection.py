"""One HTTP connection to the worker, with limits on what a client may make it hold.

uvicorn bounds how many connections there are, whoever has them, but neither how long a request
may take to arrive nor how large it may be, and it closes politely: a client that does not read
would keep its connection for ever.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pollwatch.worker.asgi import Scope
from pollwatch.worker.guests import Guests

MAX_REQUEST_BYTES = 1 << 14
"""Of a whole request, without a body that its endpoint admits."""

REQUEST_SECONDS = 10.0
"""How long a request may take to arrive, from the opening of the connection or its first byte."""

STALL_SECONDS = 10.0
"""How long a client may take to make room for more, once the buffers are full."""

CLOSE_SECONDS = 10.0
"""How long a closed connection may take to deliver the rest of its response."""

_EXTENSION = "pollwatch.connection"

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\n"
    b"content-length: 18\r\n"
    b"connection: close\r\n"
    b"\r\n"
    b"request too large\n"
)


class Client(Protocol):
    """What an application may know of the connection below a request."""

    stalled: bool
    """Whether it was dropped because the client did not read."""

    def is_gone(self) -> bool:
        """Whether nothing can be sent any more."""
        ...


def client_of(scope: Scope) -> Client:
    """Give the client that a request came from."""
    client: Client = scope["extensions"][_EXTENSION]["client"]
    return client


BodyLimit = Callable[[Scope], int]
"""Says of a request, as soon as its head is here, how many bytes of a body it may have."""


def no_body(scope: Scope) -> int:
    """Let no request have a body of its own."""
    del scope
    return 0


class Connection(HttpToolsProtocol):
    """uvicorn's connection with a limit on the size of a request, and on waiting for the client."""

    def __init__(self, *args: Any, guests: Guests, body_limit: BodyLimit = no_body, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guests = guests
        self._peer = ""
        self._body_limit = body_limit
        self._limit = MAX_REQUEST_BYTES
        self._arrived = 0
        self._answering = False
        self.stalled = False
        self._deadline: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    def is_gone(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.transport.is_closing()

    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return not self._answering

    def drop(self) -> None:
        """End it at once."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn narrows it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._peer = self.client[0] if self.client is not None else ""
        self._guests.enter(self, self._peer)
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._guests.leave(self, self._peer)
        self._stop_waiting()
        self._stop_stall()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request, if there is not too much of it."""
        self._expect_request()
        if self._arrived + len(data) > self._limit:
            # The head may be in what still fits, and admit the rest.
            room = self._limit - self._arrived
            self._take(data[:room])
            data = data[room:]
        if self._arrived + len(data) <= self._limit:
            self._take(data)
        elif not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Let the application know its client."""
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: {"client": self}}

    def on_headers_complete(self) -> None:
        """Let the endpoint say how long a body may be."""
        self._answering = True
        super().on_headers_complete()
        self._limit = MAX_REQUEST_BYTES + self._body_limit(cast("Scope", self.scope))

    def on_message_complete(self) -> None:
        """A whole request is here."""
        self._arrived = 0
        self._limit = MAX_REQUEST_BYTES
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A whole response is on its way."""
        self._answering = False
        super().on_response_complete()
        if self.transport.is_closing():
            self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        """The buffers are full: the client has to read, in a while."""
        super().pause_writing()
        self._stall = self.loop.call_later(STALL_SECONDS, self._give_up)

    def resume_writing(self) -> None:
        """The client has read."""
        self._stop_stall()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for long: drop the connection, with what the client never read."""
        self.transport.abort()

    def _take(self, data: bytes) -> None:
        self._arrived += len(data)
        super().data_received(data)

    def _expect_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _give_up(self) -> None:
        self.stalled = True
        # Closing would wait for the reader that does not read.
        self.transport.abort()
