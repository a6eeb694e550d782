"""The options of `pollwatch operator` about alert rules."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.cli.alert_defaults import PAIR, lenient_alert_default_options
from pollwatch.cli.grafana_options import AUTO, WANTED, grafana_options, labels_of
from pollwatch.control.alerting.monitors import Home
from pollwatch.control.alerting.settings import LOOK_PERIOD, AlertSettings

_OPTIONS = (
    click.option(
        "--prometheus-rules",
        type=AUTO,
        default=WANTED,
        show_default=True,
        help="Write the alert rules of Checks as PrometheusRules, where the cluster knows these.",
    ),
    click.option(
        "--monitors",
        type=AUTO,
        default=WANTED,
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
        "--alert-owner",
        metavar="CLUSTERROLE",
        help="The objects with alert rules, monitors and dashboards are deleted with this ClusterRole, as on"
        " uninstalling. Default: they stay.",
    ),
)


def alert_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options about alert rules, and its function `alerts` and `alert_faults`.

    The command must have `default_pool`, `embedded`, `system_namespace` and `resync_period`.
    """

    @functools.wraps(function)
    def with_alerts(
        *,
        prometheus_rules: str,
        monitors: str,
        defaults: AlertDefaults,
        rule_labels: Sequence[tuple[str, str]],
        grafana: Mapping[str, Any],
        alert_owner: str | None,
        **others: Any,
    ) -> None:
        settings = AlertSettings(
            home=Home(namespace=others["system_namespace"], workers=not others["embedded"]),
            prometheus_rules=prometheus_rules == WANTED,
            monitors=monitors == WANTED,
            # Series of the operator's own process have no pool.
            defaults=defaults
            if others["embedded"]
            else replace(defaults, default_pool=others["default_pool"]),
            object_labels=labels_of("--rule-label", rule_labels),
            owner=alert_owner,
            look_period=min(LOOK_PERIOD, others["resync_period"]),
            **grafana,
        )
        function(**others, alerts=settings)

    command = lenient_alert_default_options(grafana_options(with_alerts))
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
