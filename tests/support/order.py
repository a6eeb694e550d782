"""Where several processes share the tests, those that wait for clusters begin: quick ones fill the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the files with a test of the mark `cluster` first, in a process that gets a share of them."""
    if not hasattr(config, "workerinput"):
        return
    waiting: set[Path] = {item.path for item in items if item.get_closest_marker("cluster")}
    items.sort(key=lambda item: item.path not in waiting)
