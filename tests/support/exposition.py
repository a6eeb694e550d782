"""Pages of metrics, read back as a scraper reads them."""

from collections.abc import Iterable
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from pollwatch.series.exposition import Exposition

Labels = frozenset[tuple[str, str]]
Series = dict[tuple[str, Labels], float]
"""Values by name and labels."""


def parse(page: bytes, exposition: Exposition) -> Series:
    """Read a whole page.

    Raises:
        ValueError: The page breaks the format.
        AssertionError: It has a series twice, or a family in two places.
    """
    parser: Any = parse_text if exposition is Exposition.TEXT else parse_openmetrics
    series: Series = {}
    families: set[str] = set()
    for family in parser(page.decode()):
        assert family.name not in families, f"{family.name} is in two places"
        families.add(family.name)
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in series, f"{key} is there twice"
            series[key] = sample.value
    return series


def page_of(slices: Iterable[bytes], exposition: Exposition) -> bytes:
    """Join a page as the server does."""
    return b"".join(slices) + exposition.end


def values(series: Series, name: str, *label_names: str) -> dict[Any, float]:
    """Pick a metric's values, by the values of these labels (by one value when it is one label)."""
    picked: dict[Any, float] = {}
    for (series_name, labels), value in series.items():
        if series_name == name:
            found = tuple(dict(labels)[label] for label in label_names)
            picked[found[0] if len(found) == 1 else found] = value
    return picked
