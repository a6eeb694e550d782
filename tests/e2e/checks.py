"""Checks as people make them and look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from tests.cluster.apiclient import JsonObject
    from tests.cluster.node.node import OneNode

VERDICT_SECONDS = 60.0


def check(name: str, url: str, **spec: Any) -> JsonObject:
    """A Check of every address behind a URL."""
    return {
        "apiVersion": "pollwatch.dev/v1alpha1",
        "kind": "Check",
        "metadata": {"name": name},
        "spec": {
            # Patient: a machine that is busy with other things is no outage.
            "periodSeconds": 2,
            "timeoutSeconds": 2,
            "http": {"url": url, "resolve": "EachAddress"},
            **spec,
        },
    }


def status_of(node: OneNode, namespace: str, name: str) -> JsonObject:
    """The status of a Check; empty while it has none."""
    found = node.admin.get(f"/apis/pollwatch.dev/v1alpha1/namespaces/{namespace}/checks/{name}")
    return dict(found.get("status", {}))


def wait_for_verdict(node: OneNode, namespace: str, name: str, verdict: str, summary: str) -> JsonObject:
    """The status of a Check, once it has a verdict and so many targets Up, such as `2/3`."""

    def judged() -> JsonObject:
        status = status_of(node, namespace, name)
        is_so = status.get("verdict") == verdict and status.get("targets", {}).get("summary") == summary
        return status if is_so else {}

    return wait_until(
        judged, what=f"the Check {name} to be {verdict}, {summary}", within_seconds=VERDICT_SECONDS
    )
