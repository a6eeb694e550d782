"""A web server whose answer can be changed while it runs. It runs in pods, on the standard library alone.

`PUT /answer/503` makes every page answer 503; `GET /asked` says how often each page was asked for.
"""

from __future__ import annotations

import json
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

PORT = 8080


class Page(BaseHTTPRequestHandler):
    """All pages answer alike."""

    protocol_version = "HTTP/1.1"
    status = 200
    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        """Answer as things are."""
        if self.path == "/asked":
            self._answer(200, json.dumps(Page.asked))
        elif self.path == "/ready":
            self._answer(200, "ready")
        else:
            Page.asked[self.path] += 1
            self._answer(Page.status, "welcome" if Page.status == 200 else "internal server error")

    def do_PUT(self) -> None:
        """Change how things are."""
        Page.status = int(self.path.rpartition("/")[2])
        self._answer(200, "changed")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: the pages are asked for all the time."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), Page).serve_forever()
