"""A site of several pods, whose pages can be made to fail."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from tests.cluster.node.images import product_image
from tests.cluster.waiting import wait_until
from tests.e2e.pods import restricted_pod
from tests.e2e.website_server import PORT

if TYPE_CHECKING:
    from tests.cluster.apiclient import JsonObject
    from tests.cluster.node.node import OneNode

_SERVER = Path(__file__).with_name("website_server.py")
_LABELS = {"app": "site"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A web site in a namespace; the Service `site` is headless: its name stands for each pod's address.

    Attributes:
        node: Where it runs.
        namespace: Its pods are `site-0`, `site-1`, ...
        replicas: How many.
    """

    node: OneNode
    namespace: str
    replicas: int

    @property
    def url(self) -> str:
        """Its front page, by name."""
        return f"http://site.{self.namespace}.svc.cluster.local:{PORT}/"

    def start(self) -> None:
        """Run it, and return when every pod answers."""
        self.node.admin.apply(self._documents(), namespace=self.namespace)
        path = f"/apis/apps/v1/namespaces/{self.namespace}/statefulsets/site"
        wait_until(
            lambda: self.node.admin.get(path)["status"].get("readyReplicas") == self.replicas,
            what="the site's pods to be ready",
            within_seconds=90,
        )

    def answer(self, ordinal: int, status: int) -> None:
        """Make the pages of one pod answer with a status."""
        httpx.put(f"{self._pod_url(ordinal)}/answer/{status}", trust_env=False).raise_for_status()

    def asked(self, ordinal: int) -> Counter[str]:
        """How often each page of one pod was asked for, by path."""
        answer = httpx.get(f"{self._pod_url(ordinal)}/asked", trust_env=False).raise_for_status()
        return Counter(answer.json())

    def address(self, ordinal: int) -> str:
        """The address of one pod."""
        pod = self.node.admin.get(f"/api/v1/namespaces/{self.namespace}/pods/site-{ordinal}")
        return str(pod["status"]["podIP"])

    def _pod_url(self, ordinal: int) -> str:
        return f"http://{self.address(ordinal)}:{PORT}"

    def _documents(self) -> list[JsonObject]:
        server = {"server.py": _SERVER.read_text(encoding="utf-8")}
        return [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "site"}, "data": server},
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "site"},
                "spec": {
                    "clusterIP": "None",
                    # A pod that is slow to answer the kubelet is not to vanish from the name.
                    "publishNotReadyAddresses": True,
                    "selector": _LABELS,
                    "ports": [{"port": PORT}],
                },
            },
            {
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "metadata": {"name": "site"},
                "spec": {
                    "serviceName": "site",
                    "podManagementPolicy": "Parallel",
                    "replicas": self.replicas,
                    "selector": {"matchLabels": _LABELS},
                    "template": {"metadata": {"labels": _LABELS}, "spec": _pod_spec()},
                },
            },
        ]


def _pod_spec() -> JsonObject:
    return restricted_pod(
        {
            "name": "server",
            # It is there, and it has Python.
            "image": product_image(),
            "command": ["python", "/site/server.py"],
            "readinessProbe": {"httpGet": {"path": "/ready", "port": PORT}, "periodSeconds": 1},
            "volumeMounts": [{"name": "site", "mountPath": "/site"}],
        },
        volumes=[{"name": "site", "configMap": {"name": "site"}}],
    )
