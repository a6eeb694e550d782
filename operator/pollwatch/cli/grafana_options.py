"""The options of `pollwatch operator` about what grafana-operator is to bring to Grafana."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from pollwatch.api.explain import explain
from pollwatch.api.label_selector import Labels
from pollwatch.cli.alert_defaults import PAIR
from pollwatch.control.alerting.boards import FOLDER

WANTED = "auto"
AUTO = click.Choice([WANTED, "never"])
"""Whether something is written where the cluster knows its kind."""

_LABELS: TypeAdapter[Mapping[str, str]] = TypeAdapter(Labels)

_OPTIONS = (
    click.option(
        "--grafana-rules",
        type=AUTO,
        default=WANTED,
        show_default=True,
        help="Write them as GrafanaAlertRuleGroups too, with the alerts on Pollwatch itself, where the"
        " cluster knows these.",
    ),
    click.option(
        "--dashboards",
        type=AUTO,
        default=WANTED,
        show_default=True,
        help="Have grafana-operator bring the dashboards to Grafana, by GrafanaDashboards.",
    ),
    click.option(
        "--dashboard-folder",
        default=FOLDER,
        show_default=True,
        metavar="TITLE",
        help="The folder in Grafana that they are in.",
    ),
    click.option(
        "--grafana-instance-selector",
        "grafana_instances",
        type=PAIR,
        multiple=True,
        metavar="NAME=VALUE",
        help="A label of the Grafanas that get alert rules and dashboards; may be given several times."
        " Default: all.",
    ),
    click.option(
        "--grafana-datasource",
        default="prometheus",
        show_default=True,
        metavar="UID",
        help="The data source in Grafana that has the series of Pollwatch.",
    ),
)


def grafana_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, and its function `grafana`: fields of `AlertSettings`, by name."""

    @functools.wraps(function)
    def with_grafana(
        *,
        grafana_rules: str,
        dashboards: str,
        dashboard_folder: str,
        grafana_instances: Sequence[tuple[str, str]],
        grafana_datasource: str,
        **others: Any,
    ) -> None:
        function(
            **others,
            grafana={
                "grafana_rules": grafana_rules == WANTED,
                "dashboards": dashboards == WANTED,
                "dashboard_folder": dashboard_folder,
                "grafana_instances": labels_of("--grafana-instance-selector", grafana_instances),
                "grafana_datasource": grafana_datasource,
            },
        )

    command: Callable[..., None] = with_grafana
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def labels_of(option: str, pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Read labels of Kubernetes.

    Raises:
        click.UsageError: they are none; the option is named.
    """
    try:
        return _LABELS.validate_python(dict(pairs))
    except ValidationError as error:
        raise click.UsageError("\n".join(f"{option} {problem}" for problem in explain(error))) from None
