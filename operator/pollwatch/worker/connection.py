"""One HTTP connection to the worker, with limits on what a client may make it hold.

uvicorn bounds how many connections there are, but neither how long a request may take to
arrive nor how large it may be, and it closes politely: a client that does not read would
keep its connection for ever.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pollwatch.worker.asgi import Scope

MAX_REQUEST_BYTES = 1 << 14
"""Of a whole request; no endpoint takes a body."""

REQUEST_SECONDS = 10.0
"""How long a request may take to arrive, from the opening of the connection or its first byte."""

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


def transport_of(scope: Scope) -> asyncio.Transport:
    """Give the transport below a request: to see that the client has gone, or to be rid of it."""
    transport: asyncio.Transport = scope["extensions"][_EXTENSION]["transport"]
    return transport


class Connection(HttpToolsProtocol):
    """uvicorn's connection with a limit on the size of a request, and on waiting for the client."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arrived = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn narrows it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request, if there is not too much of it."""
        self._expect_request()
        self._arrived += len(data)
        if self._arrived <= MAX_REQUEST_BYTES:
            super().data_received(data)
        elif not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Let the application reach the transport."""
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: {"transport": self.transport}}

    def on_message_complete(self) -> None:
        """A whole request is here."""
        self._arrived = 0
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A whole response is on its way."""
        super().on_response_complete()
        if self.transport.is_closing():
            self.loop.call_later(CLOSE_SECONDS, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for long: drop the connection, with what the client never read."""
        self.transport.abort()

    def _expect_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
