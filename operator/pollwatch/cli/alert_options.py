"""The options of `pollwatch operator` about alert rules."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.api.explain import explain
from pollwatch.api.label_selector import Labels
from pollwatch.cli.alert_defaults import PAIR, alert_default_options
from pollwatch.control.alerting.monitors import Home
from pollwatch.control.alerting.settings import LOOK_PERIOD, AlertSettings

_LABELS: TypeAdapter[Mapping[str, str]] = TypeAdapter(Labels)


_WANTED = "auto"
_AUTO = click.Choice([_WANTED, "never"])

_OPTIONS = (
    click.option(
        "--prometheus-rules",
        type=_AUTO,
        default="auto",
        show_default=True,
        help="Write the alert rules of Checks as PrometheusRules, where the cluster knows these.",
    ),
    click.option(
        "--grafana-rules",
        type=_AUTO,
        default="auto",
        show_default=True,
        help="Write them as GrafanaAlertRuleGroups too, where the cluster knows these.",
    ),
    click.option(
        "--monitors",
        type=_AUTO,
        default="auto",
        show_default=True,
        help="Have Prometheus Operator scrape Pollwatch, by a ServiceMonitor and a PodMonitor.",
    ),
    click.option(
        "--rule-label",
        "rule_labels",
        type=PAIR,
        multiple=True,
        metavar="NAME=VALUE",
        help="A label for PrometheusRules and monitors, by which a Prometheus selects them; may be given"
        " several times.",
    ),
    click.option(
        "--grafana-instance-selector",
        "grafana_instances",
        type=PAIR,
        multiple=True,
        metavar="NAME=VALUE",
        help="A label of the Grafanas that get alert rules; may be given several times. Default: all.",
    ),
    click.option(
        "--grafana-datasource",
        default="prometheus",
        show_default=True,
        metavar="UID",
        help="The data source in Grafana that has the series of Pollwatch.",
    ),
    click.option(
        "--alert-owner",
        metavar="CLUSTERROLE",
        help="The objects with alert rules, and monitors, are deleted with this ClusterRole, as on"
        " uninstalling. Default: they stay.",
    ),
)


def alert_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options about alert rules, and its function what they say: `alerts`.

    The command must have `default_pool`, `embedded`, `system_namespace` and `resync_period`.
    """

    @functools.wraps(function)
    def with_alerts(
        *,
        prometheus_rules: str,
        grafana_rules: str,
        monitors: str,
        defaults: AlertDefaults,
        rule_labels: Sequence[tuple[str, str]],
        grafana_instances: Sequence[tuple[str, str]],
        grafana_datasource: str,
        alert_owner: str | None,
        **others: Any,
    ) -> None:
        settings = AlertSettings(
            home=Home(namespace=others["system_namespace"], workers=not others["embedded"]),
            prometheus_rules=prometheus_rules == _WANTED,
            grafana_rules=grafana_rules == _WANTED,
            monitors=monitors == _WANTED,
            # Series of the operator's own process have no pool.
            defaults=defaults
            if others["embedded"]
            else replace(defaults, default_pool=others["default_pool"]),
            object_labels=_labels("--rule-label", rule_labels),
            grafana_instances=_labels("--grafana-instance-selector", grafana_instances),
            grafana_datasource=grafana_datasource,
            owner=alert_owner,
            look_period=min(LOOK_PERIOD, others["resync_period"]),
        )
        function(**others, alerts=settings)

    command = alert_default_options(with_alerts)
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _labels(option: str, pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    try:
        return _LABELS.validate_python(dict(pairs))
    except ValidationError as error:
        raise click.UsageError("\n".join(f"{option} {problem}" for problem in explain(error))) from None
