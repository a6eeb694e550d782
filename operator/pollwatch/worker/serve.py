"""The worker's HTTP server: `/metrics`, `/healthz`, `/readyz`, and what else is mounted."""

import asyncio
import contextlib
import functools
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Protocol, cast

import uvicorn

from pollwatch.worker.asgi import App, Receive, Scope, Send, reply, router
from pollwatch.worker.connection import Connection
from pollwatch.worker.guests import Guests
from pollwatch.worker.health import Health
from pollwatch.worker.listen import ListenAddress, ListenError, bind
from pollwatch.worker.scrape import MetricsSource, ScrapeApp, ScrapeOutcome

__all__ = ["Health", "HttpServer", "Limits", "ListenError", "MetricsSource"]

NO_ROUTES: Mapping[str, App] = MappingProxyType({})


class Upload(Protocol):
    """An endpoint that takes a body."""

    def body_limit(self, scope: Scope) -> int:
        """Say from the head of a request how many bytes its body may have; 0 where nothing is to be read."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        ...


NO_UPLOADS: Mapping[str, Upload] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of the process clients may use."""

    connections: int = 256
    """Beyond them, whoever has most loses one."""
    scrapes: int = 4
    """Scrapes under way at a time; beyond them: 503."""
    keep_alive_seconds: int = 120
    """How long an idle connection is kept: longer than a scrape interval."""
    stop_seconds: float = 3.0
    """How long responses under way may take when the server stops."""


class HttpServer:
    """Serves one process's endpoints.

    `/healthz` says whether the process should be restarted, `/readyz` whether it does its work;
    each answers 200, or 503 with one line that says why.
    """

    def __init__(
        self,
        listen: str,
        *,
        metrics: Sequence[MetricsSource],
        health: Callable[[], Health],
        ready: Callable[[], Health],
        routes: Mapping[str, App] = NO_ROUTES,
        uploads: Mapping[str, Upload] = NO_UPLOADS,
        scraped: Callable[[ScrapeOutcome], None] = lambda _: None,
        limits: Limits = Limits(),
    ) -> None:
        """Prepare to serve; nothing is bound until `start`.

        Args:
            listen: `HOST:PORT`, `[IPV6]:PORT` or `:PORT`; port 0 takes a free one.
            metrics: What `/metrics` shows, in this order.
            health: Judges liveness, at each request.
            ready: Judges readiness, at each request.
            routes: More endpoints to read from, by path.
            uploads: Endpoints to post to, by path.
            scraped: Is told how each scrape ended.
            limits: What clients may use.
        """
        self._listen = listen
        self._limits = limits
        scrape = ScrapeApp(metrics, max_concurrent=limits.scrapes, count=scraped)
        self._uploads = uploads
        self._app = router(
            {"/metrics": scrape, "/healthz": _health_app(health), "/readyz": _health_app(ready), **routes},
            uploads=uploads,
        )
        self._address: ListenAddress | None = None
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port it listens on, once started."""
        return self._bound.port

    @property
    def url(self) -> str:
        """Where a client on this machine finds it, once started: `http://127.0.0.1:9119`."""
        return self._bound.url

    @property
    def _bound(self) -> ListenAddress:
        if self._address is None:
            raise RuntimeError("the server was not started")
        return self._address

    async def start(self) -> None:
        """Bind and begin to answer.

        Raises:
            ListenError: It cannot listen there.
        """
        listener = bind(self._listen)
        self._address = ListenAddress(*listener.getsockname()[:2])
        server = _Server(self._config())
        task = asyncio.create_task(server.serve(sockets=[listener]), name="http-server")
        listening = asyncio.create_task(server.listening.wait())
        await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            listening.cancel()
            listener.close()
            task.result()
        self._server, self._task = server, task

    async def stop(self) -> None:
        """Stop answering: responses under way get a little time. A second time does nothing."""
        server, task = self._server, self._task
        if server is None or task is None:
            return
        self._server = self._task = None
        server.should_exit = True
        await asyncio.wait({task}, timeout=self._limits.stop_seconds)
        for connection in tuple(server.server_state.connections):
            connection.transport.abort()
        await task

    def _body_limit(self, scope: Scope) -> int:
        upload = self._uploads.get(scope["path"])
        return upload.body_limit(scope) if upload is not None and scope["method"] == "POST" else 0

    def _config(self) -> uvicorn.Config:
        guests = Guests(self._limits.connections)
        connection = functools.partial(Connection, guests=guests, body_limit=self._body_limit)
        return uvicorn.Config(
            self._app,
            interface="asgi3",
            # It is only ever called.
            http=cast("type[Connection]", connection),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=self._limits.keep_alive_seconds,
        )


class _Server(uvicorn.Server):
    """uvicorn as a guest in somebody else's event loop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when connections are accepted."""
        await super().startup(sockets)
        self.listening.set()


def _health_app(judge: Callable[[], Health]) -> App:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        health = judge()
        await reply(send, HTTPStatus.OK if health.ok else HTTPStatus.SERVICE_UNAVAILABLE, health.message)

    return answer
