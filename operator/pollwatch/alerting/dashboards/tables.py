"""Tables: several queries by the same labels, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pollwatch.alerting.dashboards.fields import Fields, Json, Link, Override
from pollwatch.alerting.dashboards.panels import LETTERS, Panel, Query

_EMPTY = "-"
"""Stands in a cell without a value, where the table's own `no_value` would otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A label, as a column: the queries are joined by all of them."""

    label: str
    name: str
    link: Link | None = None
    width: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """The values of one query, as a column."""

    expr: str
    fields: Fields
    """With the column's name."""
    filled: bool = False
    """Whether the colour fills the cell."""
    coloured: bool = False
    """Whether the number has the colour."""
    gauge: bool = False
    """Whether a bar shows how much it is."""
    label: str = ""
    """Of a query whose answer is a label, and not its value: that label."""
    width: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table panel."""

    title: str
    description: str
    keys: Sequence[Key]
    columns: Sequence[Column]
    no_value: str
    order: str
    """The name of the column by which it is sorted."""
    descending: bool = False
    first: Sequence[str] = field(default_factory=tuple)
    """Names of columns that stand before the keys."""

    def panel(self) -> Panel:
        """Turn it into a panel: the answers merged by their labels, columns named and in order."""
        queries = [Query(expr=column.expr, shape="table", instant=True) for column in self.columns]
        fields = self._fields()
        labels_only = [letter for letter, column in zip(LETTERS, self.columns, strict=False) if column.label]
        return Panel(
            kind="table",
            title=self.title,
            description=self.description,
            queries=queries,
            fields=Fields(
                no_value=self.no_value,
                custom={"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
            ),
            overrides=[
                *map(_key_override, self.keys),
                *map(_column_override, self.columns, fields),
            ],
            options={
                "showHeader": True,
                "cellHeight": "sm",
                "footer": {
                    "show": False,
                    "countRows": False,
                    "reducer": ["sum"],
                    "enablePagination": True,
                },
                "sortBy": [{"displayName": self.order, "desc": self.descending}],
            },
            transformations=[
                {"id": "merge", "options": {}},
                {
                    "id": "organize",
                    "options": {
                        "excludeByName": {"Time": True}
                        | {f"Value #{letter}": True for letter in labels_only},
                        "indexByName": self._order(),
                        "renameByName": {},
                    },
                },
            ],
        )

    def _order(self) -> dict[str, int]:
        of_column = {
            column.fields.name: name for column, name in zip(self.columns, self._fields(), strict=True)
        }
        before = [of_column[name] for name in self.first]
        names = [*before, *(key.label for key in self.keys)]
        names += [name for name in of_column.values() if name not in before]
        return {name: index for index, name in enumerate(names)}

    def _fields(self) -> list[str]:
        """Name the field that each column shows."""
        return [
            column.label or f"Value #{letter}" for letter, column in zip(LETTERS, self.columns, strict=False)
        ]


def _key_override(key: Key) -> Override:
    custom = {} if key.width is None else {"width": key.width}
    links = () if key.link is None else (key.link,)
    return Override(name=key.label, fields=Fields(name=key.name, links=links, custom=custom, no_value=_EMPTY))


def _column_override(column: Column, name: str) -> Override:
    custom: Json = {}
    if column.filled:
        custom["cellOptions"] = {"type": "color-background", "mode": "basic"}
    elif column.coloured:
        custom["cellOptions"] = {"type": "color-text"}
    elif column.gauge:
        cell: dict[str, Any] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
        custom["cellOptions"] = cell
    if column.width is not None:
        custom["width"] = column.width
    return Override(name=name, fields=column.fields.with_(custom=custom, no_value=_EMPTY))
