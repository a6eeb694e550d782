"""The reference in the docs is what the code says."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pollwatch.series import reference as series
from pollwatch.series.metric import Metric
from pollwatch.series.table import CHECK_METRICS, TARGET_METRICS
from pollwatch.worker import reference as worker

METRICS: tuple[Metric[Any], ...] = (*TARGET_METRICS, *CHECK_METRICS)
DOCS = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(("module", "page"), [(series, "metrics.md"), (worker, "worker-metrics.md")])
def test_the_committed_reference_is_what_the_generator_prints(module: ModuleType, page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == module.reference(), (
        f"docs/reference/{page} is stale: run `make generate`"
    )


def test_every_metric_says_in_one_way_where_its_values_come_from() -> None:
    for metric in METRICS:
        sources = [metric.value, metric.values, metric.rows]
        assert sum(source is not None for source in sources) == 1, metric.name


def test_no_two_metrics_share_a_name() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
