"""A dashboard: variables, annotations, links, and panels in sections that are laid out from left to right."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.alerting.dashboards.fields import Json
from pollwatch.alerting.dashboards.panels import DATASOURCE, Panel

_COLUMNS = 24
"""Of Grafana's grid."""

_SCHEMA = 38
"""The dashboard schema of Grafana 10.1: 10.0 reads it as it is, newer ones migrate it when they load it."""

TAG = "pollwatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A choice at the top of the dashboard: the values of a label."""

    name: str
    label: str
    metric: str
    """Where the values are taken from, with the choices before it."""
    of_label: str = ""
    """Which label's values; empty: that of the same name."""
    one: bool = False
    """Exactly one is chosen. Otherwise any number is, and at first all."""
    description: str

    def json(self) -> Json:
        """As Grafana has it."""
        query = f"label_values({self.metric}, {self.of_label or self.name})"
        made: Json = {
            "type": "query",
            "name": self.name,
            "label": self.label,
            "description": self.description,
            "datasource": dict(DATASOURCE),
            "definition": query,
            "query": {"query": query, "refId": self.name},
            "refresh": 2,
            "sort": 1,
            "hide": 0,
            "skipUrlSync": False,
            "multi": not self.one,
            "includeAll": not self.one,
        }
        if self.one:
            return made | {"current": {}}
        # All is a pattern and not a list: what does not have the label at all is among it.
        return made | {"allValue": ".*", "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Marks on the charts: moments, each the value (Unix milliseconds) of a series; its pool is a tag."""

    name: str
    expr: str
    title: str
    text: str
    colour: str

    def json(self, *, without: Sequence[int]) -> Json:
        """As Grafana has it.

        Args:
            without: Ids of panels that show the same by themselves.
        """
        return {
            "name": self.name,
            "datasource": dict(DATASOURCE),
            "enable": True,
            "hide": False,
            "iconColor": self.colour,
            "expr": self.expr,
            "step": "15s",
            "titleFormat": self.title,
            "textFormat": self.text,
            "tagKeys": "pool",
            "useValueForTime": True,
            "filter": {"exclude": True, "ids": list(without)},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A link at the top of the dashboard, to another one."""

    title: str
    uid: str

    def json(self) -> Json:
        """As Grafana has it."""
        return {
            "type": "link",
            "title": self.title,
            # Not all choices: what is any number here is one there.
            "url": f"/d/{self.uid}?${{datasource:queryparam}}",
            "icon": "dashboard",
            "tooltip": "",
            "tags": [],
            "asDropdown": False,
            "targetBlank": False,
            "includeVars": False,
            "keepTime": True,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels side by side."""

    height: int
    panels: Sequence[tuple[int, Panel]]
    """Each with its width; together they take the whole of 24 columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Rows under a heading."""

    title: str
    """Without one there is no heading."""
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A dashboard of Grafana."""

    uid: str
    title: str
    description: str
    variables: Sequence[Variable]
    annotations: Sequence[Annotation] = ()
    links: Sequence[Elsewhere]
    sections: Sequence[Section]
    span: str
    """How far back it looks at first, such as `6h`."""

    def json(self) -> Json:
        """As Grafana has it: the classic schema, without anything of one installation."""
        panels = _laid_out(self.sections)
        timelines = [panel["id"] for panel in panels if panel["type"] == "state-timeline"]
        annotations = [annotation.json(without=timelines) for annotation in self.annotations]
        return {
            "id": None,
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "editable": True,
            "graphTooltip": 1,
            "schemaVersion": _SCHEMA,
            "timezone": "browser",
            "refresh": "30s",
            "time": {"from": f"now-{self.span}", "to": "now"},
            "links": [link.json() for link in self.links],
            "annotations": {"list": annotations},
            "templating": {"list": [_DATASOURCES, *(variable.json() for variable in self.variables)]},
            "panels": panels,
        }

    def text(self) -> str:
        """Print it, the same each time."""
        return json.dumps(self.json(), indent=2, ensure_ascii=False) + "\n"


_DATASOURCES: Json = {
    "type": "datasource",
    "name": "datasource",
    "label": "Data source",
    "description": "The Prometheus that scrapes Pollwatch.",
    "query": "prometheus",
    "regex": "",
    "refresh": 1,
    "hide": 0,
    "skipUrlSync": False,
    "multi": False,
    "includeAll": False,
    "current": {},
    "options": [],
}


def _laid_out(sections: Sequence[Section]) -> list[Json]:
    """Place all panels, and number them.

    Raises:
        ValueError: A row is not exactly as wide as the grid.
    """
    made: list[Json] = []
    y = 0
    for section in sections:
        if section.title:
            made.append(_heading(section.title, number=len(made) + 1, y=y))
            y += 1
        for row in section.rows:
            x = 0
            for width, panel in row.panels:
                place = {"h": row.height, "w": width, "x": x, "y": y}
                made.append(panel.json(number=len(made) + 1, place=place))
                x += width
            if x != _COLUMNS:
                raise ValueError(
                    f"a row of {section.title or 'the first section'} has {x} columns, not {_COLUMNS}"
                )
            y += row.height
    return made


def _heading(title: str, *, number: int, y: int) -> Json:
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"h": 1, "w": _COLUMNS, "x": 0, "y": y},
        "panels": [],
    }
