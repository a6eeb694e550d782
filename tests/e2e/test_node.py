"""The node itself: what tests of the product may rely on."""

from __future__ import annotations

import base64
import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.apiclient import ApiError, JsonObject
from tests.cluster.node.images import BUSYBOX
from tests.cluster.node.node import KubectlError
from tests.cluster.waiting import wait_until
from tests.e2e.pods import restricted_pod

if TYPE_CHECKING:
    from tests.cluster.node.node import OneNode

REPLICAS = 2


def _pod_spec() -> JsonObject:
    """A web server of the files of the Secret `page`."""
    return restricted_pod(
        {
            "name": "web",
            "image": BUSYBOX,
            "command": ["/busybox", "httpd", "-f", "-vv", "-p", "8080", "-h", "/page"],
            "readinessProbe": {"httpGet": {"path": "/text", "port": 8080}, "periodSeconds": 1},
            "volumeMounts": [{"name": "page", "mountPath": "/page"}],
        },
        volumes=[{"name": "page", "secret": {"secretName": "page"}}],
    )


def _documents() -> list[JsonObject]:
    labels = {"app": "web"}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "page"}, "stringData": {"text": "one"}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "webs"},
            "spec": {"clusterIP": "None", "selector": labels, "ports": [{"port": 8080}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "web"},
            "spec": {
                "serviceName": "webs",
                "podManagementPolicy": "Parallel",
                "replicas": REPLICAS,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": _pod_spec()},
            },
        },
    ]


@pytest.fixture
def web(node: OneNode, namespace: str) -> str:
    """The namespace of a web server of two pods, which are ready."""
    node.admin.apply(_documents(), namespace=namespace)
    path = f"/apis/apps/v1/namespaces/{namespace}/statefulsets/web"
    wait_until(
        lambda: node.admin.get(path)["status"].get("readyReplicas") == REPLICAS,
        what="both pods of the StatefulSet to be ready",
        within_seconds=90,
    )
    return namespace


def _in_pod(node: OneNode, namespace: str, *command: str) -> str:
    return node.kubectl("exec", "--namespace", namespace, "web-0", "--", "/busybox", *command)


def _fetch(node: OneNode, namespace: str, url: str) -> str:
    """A page as a pod gets it, once it does: names and rules of Services follow their pods in a moment."""

    def page() -> str:
        try:
            return _in_pod(node, namespace, "wget", "-q", "-O-", url)
        except KubectlError:
            return ""

    return wait_until(page, what=f"a page from {url}", within_seconds=60)


def test_a_pod_that_is_not_restricted_is_refused_where_the_standard_is_enforced(
    node: OneNode, namespace: str
) -> None:
    spec = _pod_spec()
    del spec["securityContext"]

    with pytest.raises(ApiError, match=r"violates PodSecurity \"restricted:latest\""):
        node.admin.post(f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": "web"}, "spec": spec})


def test_a_service_is_reached_by_its_name_and_by_its_address(node: OneNode, web: str) -> None:
    service: dict[str, Any] = node.admin.get(f"/api/v1/namespaces/{web}/services/web")
    address = service["spec"]["clusterIP"]

    assert _fetch(node, web, f"http://{address}/text") == "one"
    assert _fetch(node, web, "http://web/text") == "one"
    assert address in _in_pod(node, web, "nslookup", f"web.{web}.svc.cluster.local")


def test_each_pod_of_a_statefulset_has_a_name(node: OneNode, web: str) -> None:
    pages = [_fetch(node, web, f"http://web-{ordinal}.webs:8080/text") for ordinal in range(REPLICAS)]

    assert pages == ["one"] * REPLICAS


def test_a_secret_that_changes_changes_in_the_volumes_of_running_pods(node: OneNode, web: str) -> None:
    node.admin.patch(
        f"/api/v1/namespaces/{web}/secrets/page", {"data": {"text": base64.b64encode(b"two").decode()}}
    )

    read = partial(_in_pod, node, web, "cat", "/page/text")
    wait_until(lambda: read() == "two", what="the new text in the volume", within_seconds=90)
    assert _fetch(node, web, "http://127.0.0.1:8080/text") == "two"


def test_what_a_pod_writes_can_be_read(node: OneNode, web: str) -> None:
    # The readiness probe asks for it.
    assert "/text" in node.pod_logs(web, "web-0")


def test_a_pod_that_is_deleted_comes_back_under_its_name(node: OneNode, web: str) -> None:
    path = f"/api/v1/namespaces/{web}/pods/web-1"
    first = node.admin.get(path)["metadata"]["uid"]

    node.admin.delete(path)

    def is_another_and_ready() -> bool:
        try:
            pod = node.admin.get(path)
        except ApiError:
            return False
        conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
        return pod["metadata"]["uid"] != first and conditions.get("Ready") == "True"

    wait_until(is_another_and_ready, what="another pod web-1 to be ready", within_seconds=90)


@pytest.mark.usefixtures("node")
def test_nothing_leaves_the_machine() -> None:
    with pytest.raises(OSError, match=r"timed out|No route to host|unreachable"):
        # An address of Cloudflare's name servers, which answer from everywhere.
        socket.create_connection(("1.1.1.1", 53), timeout=2.0)
