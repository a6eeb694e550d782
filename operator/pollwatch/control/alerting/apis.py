"""The kinds of other people's operators that are written here, and how ours are told from theirs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pollwatch.control.cluster import Resource
from pollwatch.control.pools.names import LABEL_COMPONENT, LABEL_MANAGED_BY, LABEL_NAME

RULE_LABELS: Mapping[str, str] = {
    LABEL_NAME: "pollwatch",
    LABEL_COMPONENT: "alerts",
    LABEL_MANAGED_BY: "pollwatch",
}
"""Labels of every object that holds alert rules of Checks."""

MONITOR_LABELS: Mapping[str, str] = {**RULE_LABELS, LABEL_COMPONENT: "monitoring"}
"""Labels of every object about Pollwatch itself: how it is scraped, its own alerts, and dashboards."""


def selector(labels: Mapping[str, str]) -> str:
    """Write labels as a label selector."""
    return ",".join(f"{name}={value}" for name, value in labels.items())


_MONITORING, _GRAFANA = "monitoring.coreos.com", "grafana.integreatly.org"

PROMETHEUS_RULES = Resource(
    kind="PrometheusRule",
    group=_MONITORING,
    version="v1",
    plural="prometheusrules",
    label_selector=selector(RULE_LABELS),
)
POD_MONITORS = Resource(
    kind="PodMonitor",
    group=_MONITORING,
    version="v1",
    plural="podmonitors",
    label_selector=selector(MONITOR_LABELS),
)
SERVICE_MONITORS = Resource(
    kind="ServiceMonitor",
    group=_MONITORING,
    version="v1",
    plural="servicemonitors",
    label_selector=selector(MONITOR_LABELS),
)
GRAFANA_FOLDERS = Resource(
    kind="GrafanaFolder",
    group=_GRAFANA,
    version="v1beta1",
    plural="grafanafolders",
    label_selector=selector(RULE_LABELS),
)
GRAFANA_RULE_GROUPS = Resource(
    kind="GrafanaAlertRuleGroup",
    group=_GRAFANA,
    version="v1beta1",
    plural="grafanaalertrulegroups",
    label_selector=selector(RULE_LABELS),
)
GRAFANA_DASHBOARDS = Resource(
    kind="GrafanaDashboard",
    group=_GRAFANA,
    version="v1beta1",
    plural="grafanadashboards",
    label_selector=selector(MONITOR_LABELS),
)
# Other labels, other objects: who tidies up after Checks does not see these, nor the other way round.
SELF_FOLDERS = replace(GRAFANA_FOLDERS, label_selector=selector(MONITOR_LABELS))
SELF_RULE_GROUPS = replace(GRAFANA_RULE_GROUPS, label_selector=selector(MONITOR_LABELS))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleApi:
    """One way to have alert rules evaluated."""

    name: str
    """Of the operator that does."""
    resources: tuple[Resource, ...]
    """All of them are needed; in the order in which they are applied. The last one holds rules."""

    @property
    def rules(self) -> Resource:
        """The kind that holds rules."""
        return self.resources[-1]


PROMETHEUS = RuleApi(name="Prometheus Operator", resources=(PROMETHEUS_RULES,))
GRAFANA = RuleApi(name="grafana-operator", resources=(GRAFANA_FOLDERS, GRAFANA_RULE_GROUPS))

RULE_APIS = (PROMETHEUS, GRAFANA)
RULE_KINDS = tuple(resource for api in RULE_APIS for resource in api.resources)
"""All kinds that Checks have objects of, in the order in which they are applied."""

SELF_RULES = RuleApi(name="grafana-operator", resources=(SELF_FOLDERS, SELF_RULE_GROUPS))
"""How Grafana evaluates the alerts on Pollwatch itself."""

OWN_KINDS = (POD_MONITORS, SERVICE_MONITORS, GRAFANA_DASHBOARDS, *SELF_RULES.resources)
"""All kinds that Pollwatch has objects of for itself, in its own namespace; a folder before what is in it."""

HAS_STATUS = frozenset({*GRAFANA.resources, *SELF_RULES.resources, GRAFANA_DASHBOARDS})
"""Kinds whose own status says whether they could be put into force."""
