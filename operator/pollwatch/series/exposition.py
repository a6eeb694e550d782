"""The Prometheus text format 0.0.4 and OpenMetrics 1.0: names, headers and escaping.

The two differ only in what stands around the series, so a series is rendered once for both.

References:
    https://prometheus.io/docs/instrumenting/exposition_formats/
    https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any

from pollwatch.series.metric import Metric, MetricType


class Exposition(Enum):
    """The formats that a scrape can ask for; the value is the Content-Type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    @property
    def end(self) -> bytes:
        """What ends a page."""
        return b"# EOF\n" if self is Exposition.OPENMETRICS else b""


def escape(value: str) -> str:
    """Escape a label value: what is in it can end neither the value nor the line.

    Code points that UTF-8 cannot hold (lone surrogates) become `?`.
    """
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return escaped.encode("utf-8", "replace").decode()


def label_pairs(labels: Iterable[tuple[str, str]]) -> str:
    """Print labels as they stand between the braces."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in labels)


def header(metric: Metric[Any], exposition: Exposition) -> bytes:
    """Print the lines that stand before a family's series."""
    if exposition is Exposition.TEXT:
        kind = MetricType.GAUGE if metric.type is MetricType.INFO else metric.type
        return f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {kind}\n".encode()
    name = metric.openmetrics_name
    text = f"# HELP {name} {metric.help}\n# TYPE {name} {metric.type}\n"
    # OpenMetrics has a unit only where the name says it, and some of blackbox_exporter's do not.
    if metric.unit and name.endswith(f"_{metric.unit}"):
        text += f"# UNIT {name} {metric.unit}\n"
    return text.encode()
