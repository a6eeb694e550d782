"""Prometheus, Alertmanager and Grafana, run by their operators on the node."""

from __future__ import annotations

import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx
import yaml

from tests.cluster.alertmanager import WebhookReceiver, notifying
from tests.cluster.apiclient import documents_in
from tests.cluster.apifiles import read_crds
from tests.cluster.crds import establish
from tests.cluster.grafana import Grafana
from tests.cluster.grafana_build import GRAFANA
from tests.cluster.node.network import NODE_ADDRESS
from tests.cluster.prometheus import PrometheusApi
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.cluster.node.kit import Kit
    from tests.cluster.node.node import OneNode

NAMESPACE = "monitoring"
PROMETHEUS_URL = "http://10.96.0.90:9090"
"""Where the Service of `monitoring.yaml` is."""

_OBJECTS = Path(__file__).with_name("monitoring.yaml")
_READY_SECONDS = 180.0


class Monitoring:
    """What a platform team has before it installs Pollwatch.

    Attributes:
        prometheus: The API of the Prometheus that Prometheus Operator runs.
        grafana: The server, beside the pods, that grafana-operator looks after.
        webhook: Where Alertmanager sends everything.
    """

    def __init__(self, node: OneNode, kit: Kit) -> None:
        self._node = node
        self._kit = kit
        self._running = ExitStack()
        self.prometheus = PrometheusApi(PROMETHEUS_URL)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()

    def _start(self) -> None:
        folder = self._kit.folder / "grafana"
        folder.mkdir()
        self.webhook = self._running.enter_context(WebhookReceiver(NODE_ADDRESS))
        for name in ("prometheus-operator", "grafana-operator"):
            establish(self._node.admin, read_crds(self._kit.crds[name]))
        self._node.admin.apply([*documents_in(_OBJECTS), self._alertmanager_configuration()])
        self.grafana = self._running.enter_context(
            Grafana(self._kit.programs[GRAFANA], folder=folder, address=NODE_ADDRESS)
        )
        self._account, self._token = _service_account(self.grafana)
        self._node.admin.apply(self._grafana())
        for what, ready in (
            ("Prometheus to be ready", partial(_answers, f"{PROMETHEUS_URL}/-/ready")),
            ("Alertmanager to be ready", self._has_alertmanager),
            ("the data source to be in Grafana", lambda: self.grafana.get("/api/datasources")),
        ):
            wait_until(ready, what=what, within_seconds=_READY_SECONDS, every_seconds=0.5)

    def _alertmanager_configuration(self) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "alertmanager", "namespace": NAMESPACE},
            "stringData": {"alertmanager.yaml": yaml.safe_dump(notifying(self.webhook.url))},
        }

    def _grafana(self) -> list[dict[str, Any]]:
        named = {"name": "grafana", "namespace": NAMESPACE}
        external = {"url": self.grafana.url, "apiKey": {"name": "grafana", "key": "token"}}
        return [
            {"apiVersion": "v1", "kind": "Secret", "metadata": named, "stringData": {"token": self._token}},
            {
                "apiVersion": "grafana.integreatly.org/v1beta1",
                "kind": "Grafana",
                "metadata": {"name": "main", "namespace": NAMESPACE},
                "spec": {"external": external},
            },
        ]

    def let_operator(self, role: Literal["Admin", "Viewer"]) -> None:
        """Give the account by which grafana-operator logs on another role; it begins as `Admin`.

        Returns when the role holds: Grafana remembers for some seconds what an account may.
        """
        self.grafana.patch(f"/api/serviceaccounts/{self._account}", {"role": role})
        wait_until(
            lambda: self._operator_writes_rules() is (role == "Admin"),
            what=f"the account of grafana-operator to be {role}",
            within_seconds=60,
        )

    def _operator_writes_rules(self) -> bool:
        # Who may not write rules may not read them here, either.
        url = f"{self.grafana.url}/api/v1/provisioning/alert-rules"
        return httpx.get(url, headers={"Authorization": f"Bearer {self._token}"}, trust_env=False).is_success

    def _has_alertmanager(self) -> bool:
        active = self.prometheus.get("/api/v1/alertmanagers")["activeAlertmanagers"]
        return bool(active) and all(
            _answers(str(each["url"]).removesuffix("api/v2/alerts")) for each in active
        )

    def keep(self) -> None:
        """Write what it knows into the folder of the run, to look at when a test has failed."""
        looks: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "notifications": lambda: self.webhook.notifications,
            "prometheus-alerts": self.prometheus.alerts,
            "prometheus-targets": self.prometheus.targets,
            "grafana-rules": self.grafana.rules,
        }
        for name, look in looks.items():
            try:
                text = json.dumps(look(), indent=2)
            except (httpx.HTTPError, ValueError) as error:
                text = f"not to be had: {error}"
            (self._kit.folder / f"{name}.json").write_text(text, encoding="utf-8")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _service_account(grafana: Grafana) -> tuple[int, str]:
    """Make the account by which grafana-operator logs on; return its id and a token."""
    account = grafana.post("/api/serviceaccounts", {"name": "grafana-operator", "role": "Admin"})["id"]
    return account, grafana.post(f"/api/serviceaccounts/{account}/tokens", {"name": "token"})["key"]
