"""A web server whose answer can be changed while it runs. It runs in pods, on the standard library alone.

`PUT /answer/503` makes every page answer 503; `GET /asked` says how often each page was asked for.
`PUT /watch` forgets, and `GET /gaps` says for each page the longest time between two requests since then,
in seconds. Both ports share one state.

    server.py PORT WELCOME [PEM]    a file with key and certificate: HTTPS at SECURE_PORT, too
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

PORT = 8080
SECURE_PORT = 8443


class Page(BaseHTTPRequestHandler):
    """All pages answer alike."""

    protocol_version = "HTTP/1.1"
    status = 200
    welcome = "welcome"
    asked: ClassVar[Counter[str]] = Counter()
    last: ClassVar[dict[str, float]] = {}
    gaps: ClassVar[dict[str, float]] = {}

    def do_GET(self) -> None:
        """Answer as things are."""
        if self.path == "/asked":
            self._answer(200, json.dumps(Page.asked))
        elif self.path == "/gaps":
            self._answer(200, json.dumps(self._longest_gaps(time.monotonic())))
        elif self.path == "/ready":
            self._answer(200, "ready")
        else:
            Page.asked[self.path] += 1
            self._note(time.monotonic())
            self._answer(Page.status, Page.welcome if Page.status == 200 else "internal server error")

    def do_PUT(self) -> None:
        """Change how things are."""
        if self.path == "/watch":
            Page.gaps.clear()
            Page.last.clear()
        else:
            Page.status = int(self.path.rpartition("/")[2])
        self._answer(200, "changed")

    def _longest_gaps(self, now: float) -> dict[str, float]:
        # The one that is open counts, too: it may be the longest.
        return {path: max(gap, now - Page.last[path]) for path, gap in list(Page.gaps.items())}

    def _note(self, now: float) -> None:
        Page.gaps[self.path] = max(Page.gaps.get(self.path, 0.0), now - Page.last.get(self.path, now))
        Page.last[self.path] = now

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: the pages are asked for all the time."""


def serve_securely(pem: str) -> None:
    """Serve HTTPS in a thread that ends with the process."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = ThreadingHTTPServer(("", SECURE_PORT), Page)
    # The handshake is for the thread of the connection: another one is not to wait for it.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()


if __name__ == "__main__":
    if sys.argv[2:]:
        Page.welcome = sys.argv[2]
    for file in sys.argv[3:]:
        serve_securely(file)
    ThreadingHTTPServer(("", int(sys.argv[1])), Page).serve_forever()
