"""Helm on the chart of this tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chart.helm import Helm

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def helm(helm_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm that renders, and knows no cluster."""
    return Helm(binary=helm_binary, home=tmp_path_factory.mktemp("helm"))
