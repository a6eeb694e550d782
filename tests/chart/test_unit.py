"""The suites in `charts/pollwatch/tests`, run as chart authors run them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.chart.helm import CHART

if TYPE_CHECKING:
    from pathlib import Path


def test_every_suite_of_the_chart_passes(helm_unittest_binary: Path) -> None:
    answer = subprocess.run(
        [helm_unittest_binary, "--strict", CHART], check=False, capture_output=True, text=True
    )

    assert answer.returncode == 0, answer.stdout + answer.stderr
    suites = len(list((CHART / "tests").glob("*_test.yaml")))
    assert f"Test Suites: {suites} passed, {suites} total" in answer.stdout
