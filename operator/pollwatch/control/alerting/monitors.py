"""How Prometheus Operator is told to scrape Pollwatch: pure functions to documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pollwatch.control.alerting.apis import MONITOR_LABELS, POD_MONITORS, SERVICE_MONITORS
from pollwatch.control.cluster import Resource
from pollwatch.control.pools.names import HTTP_PORT, LABEL_COMPONENT, LABEL_NAME, OURS

Document = Mapping[str, Any]

OPERATOR_PORT = "metrics"
"""Name of the port of the operator's Service, as the manifests and the chart have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where Pollwatch itself is."""

    namespace: str
    workers: bool
    """Whether it has workers in pools there."""


def monitors(home: Home, labels: Mapping[str, str]) -> Sequence[tuple[Resource, Document]]:
    """Build all that says how Pollwatch is scraped.

    Args:
        home: where it is.
        labels: that the objects are to have beside ours.
    """
    operator = (SERVICE_MONITORS, service_monitor(home.namespace, labels))
    return (operator, (POD_MONITORS, pod_monitor(home.namespace, labels))) if home.workers else (operator,)


def pod_monitor(namespace: str, labels: Mapping[str, str]) -> Document:
    """Build the PodMonitor of all workers in pools.

    Args:
        namespace: where they run.
        labels: that it is to have beside ours.
    """
    return _document(
        POD_MONITORS,
        "pollwatch-workers",
        namespace,
        labels,
        {
            "selector": {"matchLabels": dict(OURS)},
            # Who probes already is to be scraped, ready or not: that is the default for pods.
            "podMetricsEndpoints": [{"port": HTTP_PORT, **_ENDPOINT, "relabelings": [_POOL]}],
        },
    )


def service_monitor(namespace: str, labels: Mapping[str, str]) -> Document:
    """Build the ServiceMonitor of the operator.

    Args:
        namespace: where it runs.
        labels: that it is to have beside ours.
    """
    return _document(
        SERVICE_MONITORS,
        "pollwatch",
        namespace,
        labels,
        {
            "selector": {"matchLabels": {LABEL_NAME: "pollwatch", LABEL_COMPONENT: "operator"}},
            "endpoints": [{"port": OPERATOR_PORT, **_ENDPOINT}],
        },
    )


_ENDPOINT = {
    "path": "/metrics",
    # The label `namespace` of a series is the Check's, not the pod's.
    "honorLabels": True,
}

_POOL = {
    "action": "replace",
    "sourceLabels": ["__meta_kubernetes_pod_label_pollwatch_dev_pool"],
    "targetLabel": "pool",
}
"""Whose worker it is: series of Checks have the label by themselves, the worker's own have not.

The action is the default, written out: an object must come back as it was applied.
"""


def _document(
    resource: Resource, name: str, namespace: str, labels: Mapping[str, str], spec: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "namespace": namespace, "labels": {**labels, **MONITOR_LABELS}},
        "spec": dict(spec),
    }
