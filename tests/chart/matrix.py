"""The values that `charts/pollwatch/ci` has, as chart testing tools look for them."""

from __future__ import annotations

import pytest
import yaml

from tests.chart.helm import CHART, Values

MATRIX: dict[str, Values] = {
    path.name.removesuffix("-values.yaml"): yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((CHART / "ci").glob("*-values.yaml"))
}

of_each = pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
