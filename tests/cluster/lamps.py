"""Something to watch: one lamp, its series, and a rule about it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

EXPOSITION = """# HELP lamp_lit Whether the lamp is lit.
# TYPE lamp_lit gauge
lamp_lit{{lamp="louisbourg"}} {lit:d}
"""
LAMP_IS_OUT: dict[str, Any] = {
    "groups": [
        {
            "name": "lamps",
            "rules": [
                {
                    "alert": "LampIsOut",
                    "expr": "lamp_lit == 0",
                    "labels": {"severity": "page"},
                    "annotations": {"summary": "{{ $labels.lamp }} is out"},
                }
            ],
        }
    ]
}


class Lamp:
    """A server of one series.

    Attributes:
        address: `HOST:PORT` to scrape.
        lit: What the next scrape is told.
    """

    def __init__(self) -> None:
        """It is out, and listens from now on."""
        self.lit = False
        lamp = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(EXPOSITION.format(lit=lamp.lit).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
