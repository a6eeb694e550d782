"""How grafana-operator is told of alert rules and of their folder: pure functions to documents."""

from collections.abc import Mapping, Sequence

from pollwatch.alerting.grafana import grafana_alert_rule_group
from pollwatch.alerting.model import RuleGroup
from pollwatch.control.alerting.apis import GRAFANA_FOLDERS
from pollwatch.control.alerting.rendering import Document


def grafana_folder(
    namespace: str, name: str, *, title: str, instances: Mapping[str, str], labels: Mapping[str, str]
) -> Document:
    """Build a GrafanaFolder.

    Args:
        namespace: where it is to be.
        name: its name.
        title: what people see in Grafana, where no other folder has it.
        instances: labels of the Grafanas that are to have it; empty: all of them.
        labels: of the object.
    """
    return {
        "apiVersion": GRAFANA_FOLDERS.api_version,
        "kind": GRAFANA_FOLDERS.kind,
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "title": title,
            "instanceSelector": {"matchLabels": dict(instances)},
            # Grafana is hardly ever in the namespace of a Check, nor in that of Pollwatch.
            "allowCrossNamespaceImport": True,
        },
    }


def grafana_rules(
    namespace: str,
    name: str,
    groups: Sequence[RuleGroup],
    *,
    folder: str,
    data_source: str,
    instances: Mapping[str, str],
    labels: Mapping[str, str],
) -> Document:
    """Build a GrafanaAlertRuleGroup.

    Args:
        namespace: where it is to be.
        name: its name.
        groups: what is in it, at least one.
        folder: name of a GrafanaFolder in the namespace.
        data_source: uid of the data source that has the series.
        instances: labels of the Grafanas that are to have it; empty: all of them.
        labels: of the object.
    """
    document = grafana_alert_rule_group(
        namespace,
        name,
        groups,
        folder={"folderRef": folder},
        data_source=data_source,
        instance_selector={"matchLabels": dict(instances)},
    )
    return {**document, "metadata": {**document["metadata"], "labels": dict(labels)}}
