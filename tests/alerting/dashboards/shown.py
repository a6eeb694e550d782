"""What Grafana shows on a dashboard: its queries, run as its panels run them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.alerting.dashboards.boards import board, panels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.grafana import Grafana

Json = dict[str, Any]

ALL = ".*"
"""What the choice All stands for."""

SPAN = 300
"""Seconds that the dashboards look back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One series, as of its last point, or one row of a table."""

    labels: Mapping[str, str]
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one query."""

    rows: tuple[Row, ...] = ()
    error: str = ""

    def by(self, *labels: str) -> dict[str, float | None]:
        """The values, by labels joined with blanks."""
        return {" ".join(row.labels.get(label, "") for label in labels): row.value for row in self.rows}


class Shown:
    """A dashboard with choices made.

    Args:
        grafana: With a data source of the uid `prometheus`.
        name: The dashboard's file.
        choices: Values of its variables; what is not named is All.
    """

    def __init__(self, grafana: Grafana, name: str, **choices: str) -> None:
        self._grafana = grafana
        self._dashboard = board(name)
        variables = [variable["name"] for variable in self._dashboard["templating"]["list"]]
        assert choices.keys() <= set(variables)
        self._values = {
            **dict.fromkeys(variables, ALL),
            "datasource": "prometheus",
            "__from": str(int((time.time() - SPAN) * 1000)),
            **choices,
        }

    def panel(self, title: str) -> dict[str, Answer]:
        """What the queries of a panel answer, by their letters."""
        (found,) = (panel for panel in panels(self._dashboard) if panel["title"] == title)
        return self._run(found["targets"])

    def all(self) -> dict[str, Answer]:
        """What all queries of all panels answer, by the panel's title and the query's letter."""
        return {
            f"{panel['title']} {letter}": answer
            for panel in panels(self._dashboard)
            if "targets" in panel
            for letter, answer in self._run(panel["targets"]).items()
        }

    def offered(self, variable: str) -> set[str]:
        """What can be chosen of a variable, by the choices that are made of others."""
        (found,) = (one for one in self._dashboard["templating"]["list"] if one["name"] == variable)
        asked = re.fullmatch(r"label_values\((.+), (\w+)\)", self._interpolated(found["query"]["query"]))
        assert asked is not None
        path = f"/api/datasources/uid/prometheus/resources/api/v1/label/{asked[2]}/values"
        return set(self._grafana.get(path, **{"match[]": asked[1]})["data"])

    def annotation(self, name: str) -> Answer:
        """What is marked on the charts."""
        (found,) = (one for one in self._dashboard["annotations"]["list"] if one["name"] == name)
        target = {"refId": "A", "expr": found["expr"], "datasource": found["datasource"], "range": True}
        return self._run([target])["A"]

    def _run(self, targets: list[Json]) -> dict[str, Answer]:
        queries = [
            {
                **self._interpolated(target),
                # A panel of Grafana's adds these, by its width and the time range.
                "intervalMs": 1000,
                "maxDataPoints": SPAN,
            }
            for target in targets
        ]
        results = self._grafana.query(*queries, start=f"now-{SPAN}s")
        return {letter: _answer(results[letter]) for letter in sorted(results)}

    def _interpolated(self, document: Any) -> Any:
        if isinstance(document, dict):
            return {key: self._interpolated(value) for key, value in document.items()}
        if isinstance(document, str):
            return re.sub(r"\$\{?(\w+)\}?", lambda found: self._values.get(found[1], found[0]), document)
        return document


def _answer(result: Json) -> Answer:
    if result.get("error"):
        return Answer(error=result["error"])
    rows: list[Row] = []
    for frame in result["frames"]:
        fields = frame["schema"]["fields"]
        columns = frame["data"]["values"]
        if not columns or not columns[0]:
            continue
        if frame["schema"].get("meta", {}).get("custom", {}).get("resultType") == "vector":
            rows += [_table_row(fields, cells) for cells in zip(*columns, strict=True)]
        else:
            rows += [
                Row(labels=field.get("labels", {}), value=values[-1])
                for field, values in zip(fields, columns, strict=True)
                if field["type"] == "number"
            ]
    return Answer(rows=tuple(rows))


def _table_row(fields: list[Json], cells: tuple[Any, ...]) -> Row:
    labels: dict[str, str] = {}
    value: float | None = None
    for field, cell in zip(fields, cells, strict=True):
        labels |= field.get("labels", {})
        if field["type"] == "string":
            labels[field["name"]] = cell
        elif field["type"] == "number":
            value = cell
    return Row(labels=labels, value=value)
