"""A real Grafana server: data sources, dashboards and alert rules by provisioning, and its API.

It evaluates its alert rules each 10 seconds at the most often.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from tests.cluster.process import ProgramError
from tests.cluster.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ADMINISTRATOR = ("admin", "admin")
"""Name and password of who may do everything."""

_READY_SECONDS = 120.0
# What it says when it ends as its defect has it, and how often it is started (see `Grafana.start`).
_FIRST_START_FAILED = "failed to create default organization: UNIQUE constraint failed: org.id"
_STARTS = 3
# It talks to nobody who is not on this machine.
_SETTINGS = {
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
    "GF_NEWS_NEWS_FEED_ENABLED": "false",
}


def prometheus_data_source(url: str, *, uid: str = "prometheus", every: str = "1s") -> dict[str, Any]:
    """A data source to provision.

    Args:
        url: Of a Prometheus.
        uid: What dashboards and rules call it; its name is `Prometheus`.
        every: Its scrape interval, which `$__rate_interval` is made of.
    """
    return {
        "name": "Prometheus",
        "type": "prometheus",
        "uid": uid,
        "url": url,
        "access": "proxy",
        "isDefault": True,
        "jsonData": {"timeInterval": every},
    }


class Grafana(Server):
    """One Grafana server, which serves its API and no pages. It is ready when it has read all dashboards."""

    def __init__(
        self,
        binary: Path,
        *,
        folder: Path,
        data_sources: Sequence[Mapping[str, Any]] = (),
        dashboards: Path | None = None,
        alerting: Sequence[Mapping[str, Any]] = (),
        address: str = "127.0.0.1",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare one; nothing runs before `start`, which fails where what is provisioned is at fault.

        Args:
            binary: The program, in its home folder.
            folder: An empty folder for what is provisioned, the data and the log `grafana.log`.
            data_sources: Such as `prometheus_data_source`.
            dashboards: A folder of dashboards as JSON files, which it watches.
            alerting: The documents of provisioning files of alerting (`{"apiVersion": 1, "groups": [...]}`).
            address: Where it listens, at a port that it chooses.
            settings: More of its environment: `GF_SECTION_KEY`.
        """
        super().__init__(
            "grafana",
            [binary, "server", "--homepath", binary.parent],
            folder=folder,
            listening=r'msg="HTTP Server Listen" address=(\S+:\d+)',
            environment={
                **os.environ,
                **_SETTINGS,
                "GF_PATHS_PROVISIONING": str(folder / "provisioning"),
                "GF_PATHS_DATA": str(folder / "data"),
                "GF_PATHS_LOGS": str(folder / "logs"),
                "GF_PATHS_PLUGINS": str(folder / "plugins"),
                "GF_SERVER_HTTP_ADDR": address,
                "GF_SERVER_HTTP_PORT": "0",
                **(settings or {}),
            },
            ready_seconds=_READY_SECONDS,
        )
        self._data = folder / "data"
        self._dashboards = len(list(dashboards.rglob("*.json"))) if dashboards else 0
        provisioned: dict[str, list[Mapping[str, Any]]] = {
            "datasources": [{"apiVersion": 1, "datasources": [dict(each) for each in data_sources]}],
            "dashboards": [_dashboards_in(dashboards)] if dashboards else [],
            "alerting": list(alerting),
            # It complains of a folder that is not there.
            "plugins": [],
            "notifiers": [],
        }
        for kind, documents in provisioned.items():
            (folder / "provisioning" / kind).mkdir(parents=True)
            for number, document in enumerate(documents):
                path = folder / "provisioning" / kind / f"{number}.yaml"
                path.write_text(yaml.safe_dump(dict(document)), encoding="utf-8")

    def start(self) -> None:
        """Start it, and return when it is ready; errors as in `Server.start`.

        A first start that the clock's second ends within fails: when Grafana looks for the organization that
        it has just made, it compares the time of making it, too, and makes it once more
        (https://github.com/grafana/grafana/pull/68644). It is then started again, with no data.
        """
        for left in reversed(range(_STARTS)):
            try:
                super().start()
            except ProgramError as error:
                if not left or _FIRST_START_FAILED not in str(error):
                    raise
                shutil.rmtree(self._data, ignore_errors=True)
            else:
                return

    def get(self, path: str, **parameters: Any) -> Any:
        """A document of its API, as the administrator.

        Raises:
            httpx.HTTPStatusError: It was refused.
        """
        return self._ask("GET", path, params=parameters)

    def post(self, path: str, document: Any) -> Any:
        """What its API answers to a document; errors as in `get`."""
        return self._ask("POST", path, json=document)

    def patch(self, path: str, document: Any) -> Any:
        """What its API answers to a change; errors as in `get`."""
        return self._ask("PATCH", path, json=document)

    def query(self, *queries: Mapping[str, Any], start: str = "now-5m", end: str = "now") -> dict[str, Any]:
        """Run queries of a panel as the panel does, and return their results by `refId`.

        Args:
            queries: As a dashboard has them (`targets`), with `refId`, `datasource` and no variables left.
            start: Of the time range, as dashboards write it.
            end: Of it.

        Returns:
            For each `refId` an object with `frames`, or with `error`.
        """
        body = {"queries": [dict(query) for query in queries], "from": start, "to": end}
        with self._client() as http:
            answer = http.post("/api/ds/query", json=body)
        # It answers 4xx where a query fails, and 207 where one of several does, with the results in either.
        document = answer.json()
        if "results" not in document:
            answer.raise_for_status()
        return dict(document["results"])

    def rules(self) -> list[dict[str, Any]]:
        """The alert rules that Grafana evaluates itself: `name`, `state`, `health`, `lastError`, `alerts`."""
        groups = self.get("/api/prometheus/grafana/api/v1/rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def alerts(self) -> list[dict[str, Any]]:
        """What its own Alertmanager has at present: `labels`, `annotations`, `status`."""
        return list(self.get("/api/alertmanager/grafana/api/v2/alerts"))

    def _ask(self, method: str, path: str, **arguments: Any) -> Any:
        with self._client() as http:
            answer = http.request(method, path, **arguments)
        if answer.is_error:
            raise httpx.HTTPStatusError(
                f"Grafana refused {method} {path}: {answer.status_code} {answer.text}",
                request=answer.request,
                response=answer,
            )
        return answer.json() if answer.content else None

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30.0, trust_env=False, auth=ADMINISTRATOR)

    def _answers(self) -> bool:
        try:
            # It answers before it has read the dashboards.
            return len(self.get("/api/search", type="dash-db")) >= self._dashboards
        except httpx.HTTPStatusError:
            return False


def _dashboards_in(folder: Path) -> dict[str, Any]:
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "dashboards",
                "type": "file",
                "updateIntervalSeconds": 3,
                "options": {"path": str(folder)},
            }
        ],
    }
