"""A world to look at: a site with one bad backend, a TCP server, a site that is down, and `pollwatch run`."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.process import Program
from tests.cluster.waiting import wait_until
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.sites import SERVER_ERROR, running_site

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKENDS = tuple(f"127.0.0.{number}" for number in range(2, 7))
BAD = BACKENDS[-1]
HOST = "www.site.example"

_CHECKS = """
apiVersion: pollwatch.dev/v1alpha1
kind: Check
metadata: {{name: front-page, namespace: public-sites}}
spec:
  periodSeconds: 1
  timeoutSeconds: 1
  labels: {{team: web}}
  http: {{url: "https://{host}:{site}/", resolve: EachAddress}}
---
apiVersion: pollwatch.dev/v1alpha1
kind: Check
metadata: {{name: ferry, namespace: public-sites}}
spec:
  periodSeconds: 1
  timeoutSeconds: 1
  labels: {{team: tourism}}
  tcp: {{address: "{host}:{site}"}}
---
apiVersion: pollwatch.dev/v1alpha1
kind: Check
metadata: {{name: gone, namespace: back-office}}
spec:
  periodSeconds: 1
  timeoutSeconds: 1
  http: {{url: "http://{host}:{nobody}/"}}
"""
"""Two teams; the third Check has none."""


@contextmanager
def probed_world(folder: Path) -> Iterator[str]:
    """Probe it for the time of the block, and give `HOST:PORT` of the metrics.

    Args:
        folder: An empty folder.
    """
    authority = Authority()
    (folder / "ca.pem").write_text(authority.pem, encoding="utf-8")
    (folder / "hosts").write_text("".join(f"{address} {HOST}\n" for address in BACKENDS), encoding="utf-8")
    with _site(authority) as port:
        text = _CHECKS.format(host=HOST, site=port, nobody=free_port())
        (folder / "checks.yaml").write_text(text, encoding="utf-8")
        program = Program(
            "pollwatch",
            [
                Path(sys.executable).with_name("pollwatch"),
                "run",
                folder / "checks.yaml",
                f"--hosts={folder / 'hosts'}",
                "--listen=127.0.0.1:0",
            ],
            log=folder / "pollwatch.log",
            environment={"SSL_CERT_FILE": str(folder / "ca.pem")},
        )
        try:
            address = wait_until(lambda: _metrics_of(program), what="pollwatch to say where its metrics are")
            assert address is not None
            yield address
        finally:
            program.stop()


def _metrics_of(program: Program) -> str | None:
    log = program.log.read_text(encoding="utf-8")
    assert program.exit_code() is None, log
    found = re.search(r"metrics at http://(\S+)/metrics", log)
    return found[1] if found else None


@contextmanager
def _site(authority: Authority) -> Iterator[int]:
    """Serve HTTPS at all backends at one port, from a thread; the bad one says 500."""
    loop = asyncio.new_event_loop()
    port = free_port(BACKENDS[0])
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            for address in BACKENDS:
                tls = authority.server_context(HOST)
                site = await stack.enter_async_context(running_site(host=address, port=port, tls=tls))
                if address == BAD:
                    site.answer = SERVER_ERROR
            ready.set()
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="site")
    thread.start()
    try:
        assert ready.wait(30)
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
