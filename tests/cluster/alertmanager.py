"""A real Alertmanager, and what it tells the people who are to be woken."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import httpx
import yaml

from tests.cluster.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType


def notifying(url: str, *, group_by: tuple[str, ...] = ("...",), **settings: Any) -> dict[str, Any]:
    """A configuration that tells one webhook of all alerts, at once.

    Args:
        url: Of the webhook; see `WebhookReceiver`.
        group_by: Labels whose values make a group; by default each alert is one.
        settings: More fields of the configuration, such as `inhibit_rules=[...]`.
    """
    return {
        "route": {
            "receiver": "webhook",
            "group_by": list(group_by),
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "1h",
        },
        "receivers": [
            {"name": "webhook", "webhook_configs": [{"url": url, "send_resolved": True, "max_alerts": 0}]}
        ],
        **settings,
    }


class Alertmanager(Server):
    """One Alertmanager."""

    def __init__(
        self, binary: Path, *, folder: Path, configuration: Mapping[str, Any], address: str = "127.0.0.1:0"
    ) -> None:
        """Prepare one; nothing runs before `start`, which fails where the configuration is at fault.

        Args:
            binary: The program.
            folder: An empty folder for the configuration, the data and the log `alertmanager.log`.
            configuration: The configuration file as a document; see `notifying`.
            address: Where it listens; with port 0 it chooses a free one.
        """
        super().__init__(
            "alertmanager",
            [
                binary,
                f"--config.file={folder / 'alertmanager.yaml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address={address}",
                # Alone: no port for others of its kind.
                "--cluster.listen-address=",
            ],
            folder=folder,
            listening=r'msg="Listening on".* address=(\S+:\d+)',
        )
        (folder / "alertmanager.yaml").write_text(yaml.safe_dump(dict(configuration)), encoding="utf-8")

    def alerts(self) -> list[dict[str, Any]]:
        """All alerts it knows, as its API has them: `labels`, `annotations`, `status`, ..."""
        with httpx.Client(base_url=self.url, timeout=30.0, trust_env=False) as http:
            return list(http.get("/api/v2/alerts").raise_for_status().json())


class WebhookReceiver:
    """A server in this process that keeps what an Alertmanager or a Grafana posts to it.

    Attributes:
        url: What to name as the webhook.
        notifications: Each body as it came, the oldest first: `status`, `alerts`, `groupLabels`, ...
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        """Listen from now on, at a free port of an address of this machine."""
        self.notifications: list[dict[str, Any]] = []
        received = self.notifications

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Write nothing."""

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://{host}:{self._server.server_port}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def states(self, name: str, **labels: str) -> list[str]:
        """What was told of an alert, the oldest first: `firing` or `resolved`, told again where it was.

        Args:
            name: The alert's (`alertname`).
            labels: Others that it must have.
        """
        return [str(alert["status"]) for alert in self.alerts(alertname=name, **labels)]

    def alerts(self, **labels: str) -> list[dict[str, Any]]:
        """Each alert that was told, the oldest first: `labels`, `annotations`, `status`, ...

        Args:
            labels: That it must have.
        """
        return [
            alert
            for notification in list(self.notifications)
            for alert in notification["alerts"]
            if labels.items() <= alert["labels"].items()
        ]
