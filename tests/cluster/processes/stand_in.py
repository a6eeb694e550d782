"""Stands in for a worker in the tests of `LocalNode`: shows its environment and its files over HTTP.

    stand_in.py --plan DIR --listen HOST:PORT

`/readyz` is 503 while DIR has a file `not-ready`; `/write` tries to write a file.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Handler(BaseHTTPRequestHandler):
    plan: Path

    def do_GET(self) -> None:
        status, answer = getattr(self, f"_{self.path.removeprefix('/')}")()
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _readyz(self) -> tuple[int, object]:
        return (503 if (self.plan / "not-ready").exists() else 200), "readyz"

    def _environment(self) -> tuple[int, object]:
        return 200, dict(os.environ)

    def _files(self) -> tuple[int, object]:
        return 200, {path.name: path.read_text() for path in self.plan.iterdir() if path.is_file()}

    def _write(self) -> tuple[int, object]:
        try:
            with tempfile.TemporaryFile(dir=".") as file:
                file.write(b"something")
                file.flush()
        except OSError as error:
            return 500, error.strerror
        return 200, "written"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        del format, args


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--listen", required=True)
    arguments = parser.parse_args()
    _Handler.plan = arguments.plan
    host, _, port = arguments.listen.rpartition(":")
    ThreadingHTTPServer((host, int(port)), _Handler).serve_forever()


if __name__ == "__main__":
    main()
