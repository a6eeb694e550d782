"""What the operator is told of alert rules on its command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.control.alerting.apis import GRAFANA, PROMETHEUS, RuleApi
from pollwatch.control.alerting.boards import FOLDER, dashboards
from pollwatch.control.alerting.monitors import Document, Home, monitors
from pollwatch.control.alerting.self_alerts import self_alerts
from pollwatch.control.cluster import Resource

LOOK_PERIOD = 15.0
"""Seconds between looks at whether what was written is still so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """Where alert rules are put, and what is in them when nobody says otherwise."""

    home: Home
    """Where Pollwatch itself is, to be scraped."""
    prometheus_rules: bool = True
    """Whether PrometheusRules are written, where the cluster knows them."""
    grafana_rules: bool = True
    """Whether GrafanaAlertRuleGroups are, also of the alerts on Pollwatch itself."""
    monitors: bool = True
    """Whether a ServiceMonitor and a PodMonitor are."""
    dashboards: bool = True
    """Whether GrafanaDashboards are."""
    dashboard_folder: str = FOLDER
    """Title of the folder, in Grafana, that dashboards are in."""
    defaults: AlertDefaults = field(default_factory=AlertDefaults)
    """What holds where neither Check nor pool says otherwise."""
    object_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of PrometheusRules and monitors: what a Prometheus selects them by."""
    grafana_instances: Mapping[str, str] = field(default_factory=dict)
    """Labels of the Grafanas that get rules and dashboards; empty: all that grafana-operator knows."""
    grafana_datasource: str = "prometheus"
    """Uid of the data source, in Grafana, with the series of Pollwatch."""
    owner: str | None = None
    """The ClusterRole with which all objects that are written go; `None`: they stay."""
    look_period: float = LOOK_PERIOD
    """Seconds between looks at whether what was written is still so."""

    @property
    def rule_apis(self) -> tuple[RuleApi, ...]:
        """Where rules are put."""
        wanted = ((PROMETHEUS, self.prometheus_rules), (GRAFANA, self.grafana_rules))
        return tuple(api for api, is_wanted in wanted if is_wanted)

    @property
    def own_documents(self) -> Sequence[tuple[Resource, Document]]:
        """What says how Pollwatch is scraped, what shows what it found, and the alerts on it in Grafana."""
        shown = dashboards(self.home, folder=self.dashboard_folder, instances=self.grafana_instances)
        told = self_alerts(
            self.home.namespace,
            self.defaults,
            data_source=self.grafana_datasource,
            instances=self.grafana_instances,
        )
        return (
            *(monitors(self.home, self.object_labels) if self.monitors else ()),
            *(shown if self.dashboards else ()),
            *(told if self.grafana_rules else ()),
        )
