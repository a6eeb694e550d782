"""A site in a process of its own that answers as it is told, and remembers when it was asked for what.

    python -m tests.support.counting_site PORT

It answers while the tests do something else, costs them nothing, and is the judge of who was
probed when: its times are `time.monotonic`, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, urlsplit

import httpx
import uvloop

from tests.cluster.process import Program
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
"""Where it listens: three servers of one site, each with answers of its own."""

_DIRECTIONS = "/-/"
_PHRASES = {200: "OK", 500: "Internal Server Error"}


class CountingSite:
    """What tests see of it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._http = httpx.Client(base_url=f"http://{HOSTS[0]}:{port}", timeout=30.0, trust_env=False)

    def url(self, path: str, host: str = HOSTS[0]) -> str:
        return f"http://{host}:{self.port}{path}"

    def answer(self, status: int, *paths: str, host: str = "") -> None:
        """Answer with this status from now on, at one host or at all."""
        for first in range(0, len(paths), 200):
            chosen = list(paths[first : first + 200])
            self._direct("answer", {"status": [str(status)], "host": [host], "path": chosen})

    def hits(self, since: float = 0.0, host: str = "") -> dict[str, list[float]]:
        """When each path was asked for, of one host or of all: `time.monotonic`, in order."""
        answer = self._direct("hits", {"since": [str(since)], "host": [host]})
        return {path: list(times) for path, times in answer.items()}

    def times(self, path: str, since: float = 0.0) -> list[float]:
        """When one path was asked for."""
        return self.hits(since).get(path, [])

    def seen(self) -> int:
        """How many paths have been asked for."""
        return int(self._direct("seen", {})["paths"][0])

    def firsts(self) -> dict[str, float]:
        """When each path was asked for the first time."""
        return {path: times[0] for path, times in self._direct("firsts", {}).items()}

    def close(self) -> None:
        self._http.close()

    def is_up(self) -> bool:
        try:
            self.seen()
        except httpx.TransportError:
            return False
        return True

    def _direct(self, what: str, parameters: dict[str, list[str]]) -> dict[str, list[float]]:
        answer = self._http.get(f"{_DIRECTIONS}{what}", params=parameters).raise_for_status()
        return cast("dict[str, list[float]]", answer.json())


@contextmanager
def counting_site(folder: Path) -> Iterator[CountingSite]:
    """One, for the time of the block."""
    port = free_port()
    program = Program(
        "site", [sys.executable, "-m", __spec__.name, str(port)], log=folder / f"site-{port}.log"
    )
    site = CountingSite(port)
    try:
        program.wait_until_ready(site.is_up, within_seconds=30)
        yield site
    finally:
        site.close()
        program.stop()


class _Memory:
    def __init__(self) -> None:
        self.hits: dict[str, list[float]] = {}
        self.hosts: dict[str, list[str]] = {}
        """Of each hit, which host was asked."""
        self.answers: dict[tuple[str, str], int] = {}

    def follow(self, direction: str) -> bytes:
        split = urlsplit(direction)
        parameters = parse_qs(split.query, keep_blank_values=True)
        if split.path.endswith("/answer"):
            hosts = [host for host in parameters["host"] if host] or HOSTS
            status = int(parameters["status"][0])
            self.answers.update(((host, path), status) for host in hosts for path in parameters["path"])
            return b"{}"
        if split.path.endswith("/seen"):
            return json.dumps({"paths": [len(self.hits)]}).encode()
        if split.path.endswith("/firsts"):
            return json.dumps({path: times[:1] for path, times in self.hits.items()}).encode()
        since, host = float(parameters["since"][0]), parameters["host"][0]
        late = {
            path: [
                at
                for at, asked in zip(times, self.hosts[path], strict=True)
                if at >= since and host in ("", asked)
            ]
            for path, times in self.hits.items()
        }
        return json.dumps({path: times for path, times in late.items() if times}).encode()


class _Connection(asyncio.Protocol):
    def __init__(self, host: str, memory: _Memory) -> None:
        self._host = host
        self._memory = memory
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if b"\r\n\r\n" not in self._received:
            return
        path = self._received.split(b" ", 2)[1].decode()
        if path.startswith(_DIRECTIONS):
            status, body = 200, self._memory.follow(path)
        else:
            self._memory.hits.setdefault(path, []).append(time.monotonic())
            self._memory.hosts.setdefault(path, []).append(self._host)
            status = self._memory.answers.get((self._host, path), 200)
            body = b"Welcome" if status == 200 else b"500 - Internal server error"
        lines = [f"HTTP/1.1 {status} {_PHRASES[status]}", f"Content-Length: {len(body)}", "Connection: close"]
        head = "\r\n".join([*lines, "", ""])
        self._transport.write(head.encode() + body)
        self._transport.close()


async def _serve(port: int) -> None:
    loop, memory = asyncio.get_running_loop(), _Memory()
    servers = [
        await loop.create_server(partial(_Connection, host, memory), host, port, backlog=1024)
        for host in HOSTS
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
