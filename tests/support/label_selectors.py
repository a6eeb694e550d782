"""Label selectors, and whether they select: what everyone who reads one must agree on."""

from __future__ import annotations

from typing import Any, NamedTuple


class Selection(NamedTuple):
    """A selector, labels of an object, and whether it is selected."""

    selector: dict[str, Any]
    labels: dict[str, str]
    selected: bool


def expression(operator: str, *values: str) -> dict[str, Any]:
    """A selector by the label `team`."""
    given = {"values": list(values)} if values else {}
    return {"matchExpressions": [{"key": "team", "operator": operator, **given}]}


WEB = {"team": "web"}
DB = {"team": "db"}

SELECTIONS = (
    Selection({}, {}, selected=True),
    Selection({}, WEB, selected=True),
    Selection({"matchLabels": WEB}, WEB | {"more": "x"}, selected=True),
    Selection({"matchLabels": WEB}, DB, selected=False),
    Selection({"matchLabels": WEB}, {}, selected=False),
    Selection({"matchLabels": {"team": ""}}, {}, selected=False),
    Selection({"matchLabels": WEB | {"tier": "1"}}, WEB, selected=False),
    Selection({"matchLabels": {"example.org/team": "web"}}, {"example.org/team": "web"}, selected=True),
    Selection(expression("In", "web", "db"), DB, selected=True),
    Selection(expression("In", "web"), DB, selected=False),
    Selection(expression("In", "web"), {}, selected=False),
    Selection(expression("In", ""), {}, selected=False),
    Selection(expression("NotIn", "web"), DB, selected=True),
    Selection(expression("NotIn", "web"), WEB, selected=False),
    Selection(expression("NotIn", "web"), {}, selected=True),
    Selection(expression("Exists"), {"team": ""}, selected=True),
    Selection(expression("Exists"), {"tier": "1"}, selected=False),
    Selection(expression("Exists"), {}, selected=False),
    Selection(expression("DoesNotExist"), {}, selected=True),
    Selection(expression("DoesNotExist"), WEB, selected=False),
    Selection({"matchLabels": {"tier": "1"}} | expression("Exists"), WEB | {"tier": "1"}, selected=True),
    Selection({"matchLabels": {"tier": "1"}} | expression("Exists"), WEB, selected=False),
    Selection(
        {"matchLabels": {"tier": "1"}} | expression("DoesNotExist"), WEB | {"tier": "1"}, selected=False
    ),
)
