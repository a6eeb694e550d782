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
from tests.e2e.website_server import PORT, SECURE_PORT

if TYPE_CHECKING:
    import trustme

    from tests.cluster.apiclient import JsonObject
    from tests.cluster.node.node import OneNode

# A machine that is busy with other things answers late.
_PATIENCE = 60.0
_SERVER = Path(__file__).with_name("website_server.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A web site in a namespace; its Service is headless: the name stands for each pod's address.

    Attributes:
        node: Where it runs.
        namespace: Its pods are `site-0`, `site-1`, ...
        replicas: How many.
        name: Of the Service and of the StatefulSet.
        port: Where its pages are.
        welcome: What they say.
        authority: Issues the certificate with which it answers by HTTPS, too; by default it does not.
    """

    node: OneNode
    namespace: str
    replicas: int
    name: str = "site"
    port: int = PORT
    welcome: str = "welcome"
    authority: trustme.CA | None = None

    @property
    def url(self) -> str:
        """Its front page, by name."""
        return f"http://{self._host}:{self.port}/"

    @property
    def https_url(self) -> str:
        """The same page by HTTPS."""
        return f"https://{self._host}:{SECURE_PORT}/"

    @property
    def _host(self) -> str:
        return f"{self.name}.{self.namespace}.svc.cluster.local"

    def start(self) -> None:
        """Run it, and return when every pod answers."""
        self.node.admin.apply(self._documents(), namespace=self.namespace)
        path = f"/apis/apps/v1/namespaces/{self.namespace}/statefulsets/{self.name}"
        wait_until(
            lambda: self.node.admin.get(path)["status"].get("readyReplicas") == self.replicas,
            what="the site's pods to be ready",
            within_seconds=90,
        )

    def answer(self, ordinal: int, status: int) -> None:
        """Make the pages of one pod answer with a status."""
        self._ask(ordinal, "PUT", f"/answer/{status}")

    def asked(self, ordinal: int) -> Counter[str]:
        """How often each page of one pod was asked for, by path."""
        return Counter(self._ask(ordinal, "GET", "/asked").json())

    def watch(self) -> None:
        """Forget the gaps so far; see `gap`."""
        for ordinal in range(self.replicas):
            self._ask(ordinal, "PUT", "/watch")

    def gap(self, page: str) -> float:
        """The longest time, in seconds, that some pod was not asked for a page since `watch`."""
        return max(float(self._ask(ordinal, "GET", "/gaps").json()[page]) for ordinal in range(self.replicas))

    def address(self, ordinal: int) -> str:
        """The address of one pod."""
        pod = self.node.admin.get(f"/api/v1/namespaces/{self.namespace}/pods/{self.name}-{ordinal}")
        return str(pod["status"]["podIP"])

    def _ask(self, ordinal: int, method: str, path: str) -> httpx.Response:
        url = f"http://{self.address(ordinal)}:{self.port}{path}"
        return httpx.request(method, url, trust_env=False, timeout=_PATIENCE).raise_for_status()

    def _documents(self) -> list[JsonObject]:
        labels = {"app": self.name}
        files = {"server.py": _SERVER.read_text(encoding="utf-8"), **self._key_and_certificate()}
        return [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": self.name}, "stringData": files},
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": self.name},
                "spec": {
                    "clusterIP": "None",
                    # A pod that is slow to answer the kubelet is not to vanish from the name.
                    "publishNotReadyAddresses": True,
                    "selector": labels,
                    "ports": [{"name": name, "port": port} for name, port in self._ports().items()],
                },
            },
            {
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "metadata": {"name": self.name},
                "spec": {
                    "serviceName": self.name,
                    "podManagementPolicy": "Parallel",
                    "replicas": self.replicas,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": self._pod_spec()},
                },
            },
        ]

    def _ports(self) -> dict[str, int]:
        return {"http": self.port} | ({} if self.authority is None else {"https": SECURE_PORT})

    def _key_and_certificate(self) -> dict[str, str]:
        if self.authority is None:
            return {}
        issued = self.authority.issue_cert(self._host)
        return {"site.pem": issued.private_key_and_cert_chain_pem.bytes().decode()}

    def _pod_spec(self) -> JsonObject:
        secure = ["/site/site.pem"] if self.authority is not None else []
        return restricted_pod(
            {
                "name": "server",
                # It is there, and it has Python.
                "image": product_image(),
                "command": ["python", "/site/server.py", str(self.port), self.welcome, *secure],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": self.port}, "periodSeconds": 1},
                "volumeMounts": [{"name": "site", "mountPath": "/site"}],
            },
            volumes=[{"name": "site", "secret": {"secretName": self.name}}],
        )
