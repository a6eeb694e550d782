"""How grafana-operator is told of the alerts on Pollwatch itself: pure functions to documents."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.alerting.self_rules import self_rules
from pollwatch.control.alerting.apis import MONITOR_LABELS, SELF_FOLDERS, SELF_RULE_GROUPS
from pollwatch.control.alerting.grafana_objects import grafana_folder, grafana_rules
from pollwatch.control.alerting.rendering import Document
from pollwatch.control.cluster import Resource

SELF_OBJECT = "pollwatch-self"
"""Name of the folder and of the rules."""


def self_alerts(
    namespace: str, defaults: AlertDefaults, *, data_source: str, instances: Mapping[str, str]
) -> Sequence[tuple[Resource, Document]]:
    """Build the folder and the rules in it.

    Args:
        namespace: where Pollwatch is.
        defaults: what is in them.
        data_source: uid of the data source that has the series of Pollwatch.
        instances: labels of the Grafanas that are to have them; empty: all of them.
    """
    # Uids are made of the group's name. Of one name, where two installations share a Grafana, it would refuse
    # those of the second, or move them out of the folder of the first, and what is pending would begin anew.
    group = replace(self_rules(defaults), name=namespace)
    folder = grafana_folder(
        namespace,
        SELF_OBJECT,
        # Dashboards are in a folder that grafana-operator makes, and Checks of this namespace have one, too.
        title=f"Pollwatch itself: {namespace}",
        instances=instances,
        labels=MONITOR_LABELS,
    )
    rules = grafana_rules(
        namespace,
        SELF_OBJECT,
        [group],
        folder=SELF_OBJECT,
        data_source=data_source,
        instances=instances,
        labels=MONITOR_LABELS,
    )
    return (SELF_FOLDERS, folder), (SELF_RULE_GROUPS, rules)
