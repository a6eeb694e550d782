"""A Check that is probed at each scrape: an exposition whose site a test breaks and mends."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from pollwatch.plan.states import Verdict
from tests.alerting.checks import NAME, NAMESPACE

if TYPE_CHECKING:
    from types import TracebackType

OWN = f'namespace="{NAMESPACE}",check="{NAME}"'


class ProbedSite:
    """Serves the series of one Check with two addresses, each of which is probed once a scrape.

    Attributes:
        address: `HOST:PORT` to scrape.
        broken: The addresses that fail.
    """

    ADDRESSES = ("192.0.2.1", "192.0.2.2")

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self._attempts = 0
        self._successes = dict.fromkeys(self.ADDRESSES, 0)
        self._since = time.time()
        self._verdict = Verdict.UP
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(site.probe().encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def probe(self) -> str:
        """Probe each address once, and expose what is known then."""
        broken = set(self.broken)
        self._attempts += 1
        for address in set(self.ADDRESSES) - broken:
            self._successes[address] += 1
        self._judge(broken)
        lines = ['pollwatch_build_info{version="0.1",python="3.13"} 1']
        for address, successes in self._successes.items():
            target = f'{OWN},target="https://www.example.org/",address="{address}"'
            failures = self._attempts - successes
            lines += [
                f"pollwatch_probe_attempts_total{{{target}}} {self._attempts}",
                f"pollwatch_probe_successes_total{{{target}}} {successes}",
                f"pollwatch_probe_errors_total{{{target}}} 0",
            ]
            if failures:
                lines.append(
                    f'pollwatch_probe_failures_total{{{target},reason="UnexpectedStatus"}} {failures}'
                )
        lines += [
            f'pollwatch_check_verdict{{{OWN},verdict="{verdict}"}} {int(verdict is self._verdict)}'
            for verdict in Verdict
        ]
        lines.append(f"pollwatch_check_last_transition_timestamp_seconds{{{OWN}}} {self._since}")
        return "\n".join(lines) + "\n"

    def _judge(self, broken: set[str]) -> None:
        verdict = {0: Verdict.UP, len(self.ADDRESSES): Verdict.DOWN}.get(len(broken), Verdict.DEGRADED)
        if verdict is not self._verdict:
            self._verdict, self._since = verdict, time.time()
