"""The dashboards as they are shipped, and ways to walk them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[3] / "charts" / "pollwatch" / "dashboards"
NAMES = sorted(path.name for path in FOLDER.glob("*.json"))

Json = dict[str, Any]


def board(name: str) -> Json:
    """A dashboard, by the name of its file."""
    read: Json = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return read


def panels(dashboard: Json) -> list[Json]:
    """Its panels, without the headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions(dashboard: Json) -> Iterator[tuple[str, str]]:
    """All PromQL of a dashboard, each with where it stands."""
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["expr"]


def urls(document: Any) -> Iterator[str]:
    """All links in a dashboard, however deep."""
    if isinstance(document, dict):
        if isinstance(document.get("url"), str):
            yield document["url"]
        for value in document.values():
            yield from urls(value)
    elif isinstance(document, list):
        for value in document:
            yield from urls(value)
