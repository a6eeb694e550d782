"""How grafana-operator is told of the dashboards: pure functions to documents."""

from collections.abc import Mapping, Sequence

from pollwatch.alerting.dashboards.files import DASHBOARDS
from pollwatch.control.alerting.apis import GRAFANA_DASHBOARDS, MONITOR_LABELS
from pollwatch.control.alerting.monitors import Document, Home
from pollwatch.control.cluster import Resource

FOLDER = "Pollwatch"
"""Title of the folder, unless another one is named."""


def dashboards(
    home: Home, *, folder: str, instances: Mapping[str, str]
) -> Sequence[tuple[Resource, Document]]:
    """Build a GrafanaDashboard of each dashboard there is.

    Args:
        home: where Pollwatch is.
        folder: title of the folder, in Grafana, which grafana-operator makes.
        instances: labels of the Grafanas that are to have them; empty: all of them.
    """
    return [
        (
            GRAFANA_DASHBOARDS,
            {
                "apiVersion": GRAFANA_DASHBOARDS.api_version,
                "kind": GRAFANA_DASHBOARDS.kind,
                "metadata": {
                    "name": board.uid,
                    "namespace": home.namespace,
                    "labels": dict(MONITOR_LABELS),
                },
                "spec": {
                    "instanceSelector": {"matchLabels": dict(instances)},
                    # Grafana is hardly ever in the namespace of Pollwatch.
                    "allowCrossNamespaceImport": True,
                    "folder": folder,
                    "json": board.text(),
                },
            },
        )
        for board in (build() for build in DASHBOARDS.values())
    ]
