"""blackbox_exporter under a load of `/probe` requests on kept-alive connections.

Each answer is read whole and must hold `probe_success 1`: a fast failure is not a probe.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

import httptools
import uvloop

from benchmarks.processes import cpu_seconds, resident_bytes, running, wait_for_port
from benchmarks.results import ProbeCost
from tests.support.ports import free_port

_MODULES = """\
modules:
  http:
    prober: http
    timeout: 5s
    http:
      method: GET
      preferred_ip_protocol: ip4
      tls_config: {{ca_file: {ca_file}}}
"""


class _Client(asyncio.Protocol):
    """One connection that asks for a probe again as soon as the last one is answered."""

    def __init__(self, request: bytes, stop: asyncio.Event) -> None:
        self._request = request
        self._stop = stop
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self.probes = 0
        self.failures = 0
        self.lost: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._stop.is_set():
            self.lost = exc or ConnectionError("blackbox_exporter closed the connection")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self.probes += 1
        if b"\nprobe_success 1\n" not in self._body:
            self.failures += 1
        self._body.clear()
        self._parser = httptools.HttpResponseParser(self)
        if not self._stop.is_set():
            self._transport.write(self._request)


async def _load(
    port: int, pid: int, url: str, *, connections: int, warmup: float, seconds: float
) -> ProbeCost:
    query = urlencode({"module": "http", "target": url})
    request = f"GET /probe?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    clients = [_Client(request, stop) for _ in range(connections)]
    transports = [
        (await loop.create_connection(lambda client=client: client, "127.0.0.1", port))[0]  # type: ignore[misc]
        for client in clients
    ]
    await asyncio.sleep(warmup)
    before, cpu = sum(client.probes for client in clients), cpu_seconds(pid)
    await asyncio.sleep(seconds)
    probes, cpu = sum(client.probes for client in clients) - before, cpu_seconds(pid) - cpu
    resident = resident_bytes(pid)
    stop.set()
    for transport in transports:
        transport.close()
    for client in clients:
        if client.lost is not None:
            raise client.lost
    failures = sum(client.failures for client in clients)
    if failures:
        raise RuntimeError(f"blackbox_exporter: {failures} of its probes failed: nothing was measured")
    return ProbeCost(engine="blackbox_exporter", probes=probes, cpu_seconds=cpu, resident_bytes=resident)


@contextmanager
def _configured(binary: Path, ca_file: Path) -> Iterator[tuple[int, int]]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "blackbox.yml")
        config.write_text(_MODULES.format(ca_file=ca_file), encoding="ascii")
        command: list[str | Path] = [
            binary,
            f"--config.file={config}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
        with running(command) as child:
            wait_for_port(port)
            yield port, child.pid


def measure(
    binary: Path, url: str, *, ca_file: Path, connections: int, warmup: float, seconds: float
) -> ProbeCost:
    """Saturate blackbox_exporter with probes of one URL.

    Raises:
        RuntimeError: a probe failed.
        ConnectionError: it went away.
    """
    with _configured(binary, ca_file) as (port, pid):
        return uvloop.run(_load(port, pid, url, connections=connections, warmup=warmup, seconds=seconds))
