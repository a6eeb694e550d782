"""Panels, a function for each kind that the dashboards use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pollwatch.alerting.dashboards.fields import Fields, Json, Override

DATASOURCE: Mapping[str, str] = {"type": "prometheus", "uid": "${datasource}"}
"""Whichever Prometheus the variable names: no dashboard knows the uid of anybody's."""

_PLUGIN_VERSION = "10.1.0"
"""Of the panels that the options are written for; newer ones migrate from it."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The names of a panel's queries, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A PromQL query of a panel."""

    expr: str
    legend: str = ""
    """The name of each series, with `{{label}}`."""
    shape: Literal["time_series", "table", "heatmap"] = "time_series"
    instant: bool = False
    """As of the end of the time range, rather than over it."""

    def json(self, letter: str) -> Json:
        """As the Prometheus data source of Grafana has it."""
        return {
            "refId": letter,
            "datasource": dict(DATASOURCE),
            "editorMode": "code",
            "expr": self.expr,
            "format": self.shape,
            "instant": self.instant,
            "range": not self.instant,
            "legendFormat": self.legend or "__auto",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel, not yet placed."""

    kind: str
    """The id of the plugin."""
    title: str
    description: str
    """What it shows, and what to do about it."""
    queries: Sequence[Query] = ()
    fields: Fields = field(default_factory=Fields)
    overrides: Sequence[Override] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    transformations: Sequence[Json] = ()

    def json(self, *, number: int, place: Json) -> Json:
        """As Grafana has it.

        Args:
            number: Its id, unique in the dashboard.
            place: `gridPos`.
        """
        made: Json = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "gridPos": place,
            "pluginVersion": _PLUGIN_VERSION,
            "options": dict(self.options),
            "fieldConfig": {
                "defaults": self.fields.json(),
                "overrides": [override.json() for override in self.overrides],
            },
        }
        if self.queries:
            made["datasource"] = dict(DATASOURCE)
            made["targets"] = [
                query.json(letter) for letter, query in zip(LETTERS, self.queries, strict=False)
            ]
        if self.transformations:
            made["transformations"] = list(self.transformations)
        return made


def stat(
    title: str,
    description: str,
    queries: Sequence[Query],
    fields: Fields,
    *,
    overrides: Sequence[Override] = (),
) -> Panel:
    """Big numbers, one for each series."""
    return Panel(
        kind="stat",
        title=title,
        description=description,
        queries=queries,
        fields=fields,
        overrides=overrides,
        options={
            # The words stand on the colour: it can be read in light and dark themes alike.
            "colorMode": "background_solid",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    )


def chart(
    title: str,
    description: str,
    queries: Sequence[Query],
    fields: Fields,
    *,
    stacked: Literal["lines", "bars", ""] = "",
    limits: bool = False,
    overrides: Sequence[Override] = (),
) -> Panel:
    """Lines over time, or what is stacked, with a legend that has the numbers.

    Args:
        title: What it shows.
        description: What to do about it.
        queries: Over the time range.
        fields: How values are shown.
        stacked: Stack the series: as areas, or as bars.
        limits: Draw a line at each threshold.
        overrides: For single series.
    """
    custom: Json = {
        "drawStyle": "bars" if stacked == "bars" else "line",
        "lineWidth": 1,
        "fillOpacity": 60 if stacked else 0,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
    return Panel(
        kind="timeseries",
        title=title,
        description=description,
        queries=queries,
        # With a number of decimals, an axis writes `noValue` at each mark that would need more of them.
        fields=fields.with_(custom=custom | dict(fields.custom), decimals=None),
        overrides=overrides,
        options={
            "legend": {
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
                "calcs": ["lastNotNull", "max"],
                "sortBy": "Last *",
                "sortDesc": True,
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )


def timeline(title: str, description: str, queries: Sequence[Query], fields: Fields) -> Panel:
    """States over time, a row for each series; the words stand in the bars."""
    return Panel(
        kind="state-timeline",
        title=title,
        description=description,
        queries=queries,
        fields=fields.with_(custom={"fillOpacity": 80, "lineWidth": 0}),
        options={
            "mergeValues": True,
            "showValue": "auto",
            "alignValue": "left",
            "rowHeight": 0.85,
            # The words are in the bars; a legend would have one more, for where there is nothing.
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    )


def heatmap(title: str, description: str, query: Query, *, unit: str, no_value: str) -> Panel:
    """Buckets of a histogram over time. Cividis is made for every colour vision."""
    return Panel(
        kind="heatmap",
        title=title,
        description=description,
        queries=(query,),
        fields=Fields(
            no_value=no_value,
            custom={
                "hideFrom": {"legend": False, "tooltip": False, "viz": False},
                "scaleDistribution": {"type": "linear"},
            },
        ),
        options={
            "calculate": False,
            "cellGap": 1,
            "cellValues": {"unit": "cps", "decimals": 2},
            "color": {
                "mode": "scheme",
                "scheme": "Cividis",
                "fill": "dark-orange",
                "scale": "exponential",
                "exponent": 0.5,
                "steps": 64,
                "reverse": False,
            },
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto", "value": "Probes a second"},
            "showValue": "never",
            # `show` is what Grafana 10.1 reads, `mode` is what newer ones do.
            "tooltip": {"show": True, "mode": "single", "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "unit": unit, "reverse": False},
        },
    )


def alert_list(title: str, description: str, *, labels: str, no_value: str) -> Panel:
    """What Grafana knows of alerts: its own, and those of its Prometheus.

    Args:
        title: What it shows.
        description: What to do about it.
        labels: Which alerts, as a Prometheus selector in braces.
        no_value: What is shown where there is none.
    """
    return Panel(
        kind="alertlist",
        title=title,
        description=description,
        fields=Fields(no_value=no_value),
        options={
            "viewMode": "list",
            "groupMode": "default",
            "groupBy": [],
            "maxItems": 20,
            "sortOrder": 3,
            "dashboardAlerts": False,
            "alertName": "",
            "alertInstanceLabelFilter": labels,
            "showInstances": True,
            "datasource": "",
            "stateFilter": {
                "firing": True,
                "pending": True,
                "noData": True,
                "normal": False,
                "error": True,
            },
        },
    )
