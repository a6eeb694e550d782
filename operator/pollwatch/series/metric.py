"""What a metric is: the words in which `series.table` is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Source = TypeVar("Source")
"""What the values are read from: a `Tally` or a `CheckState`."""

WHOLE = "%d"
"""Counts, codes, whole seconds, and truth (1 or 0)."""
SECONDS = "%.9g"
"""Durations: nine digits are more than any clock here can tell."""
EXACT = "%r"
"""Sums that grow for months: every digit that the number has."""


class MetricType(StrEnum):
    """The metric types of OpenMetrics that Pollwatch uses."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"

    @property
    def accumulates(self) -> bool:
        """Whether it only ever grows, and so is exposed from the start, at zero."""
        return self in (MetricType.COUNTER, MetricType.HISTOGRAM)


class Stability(StrEnum):
    """What users may count on."""

    STABLE = "stable"
    """Renamed or removed in a major version only; these are mostly blackbox_exporter's names."""
    ALPHA = "alpha"
    """May change in any version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series of a metric that always has the same ones."""

    labels: tuple[tuple[str, str], ...] = ()
    """Beyond the labels that tell whose series it is."""
    suffix: str = ""
    """`_bucket`, `_sum` or `_count` of a histogram."""
    number: str = WHOLE
    """How the value is printed."""


Row = tuple[float, tuple[str, ...]]
"""One series of a metric that has as many as there is to say: its value, and the values of
`Metric.row_labels`. A plain tuple: thousands of them are kept, and the garbage collector passes over
tuples of numbers and texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric(Generic[Source]):
    """One metric family. Exactly one of `value`, `values` and `rows` says where it comes from."""

    name: str
    """As Prometheus shows it: counters end in `_total`, infos in `_info`."""
    type: MetricType
    help: str
    unit: str = ""
    value: Callable[[Source], float] | None = None
    """The one series, always there."""
    values: Callable[[Source], Sequence[float]] | None = None
    """The series of `lines`, in their order, always there."""
    rows: Callable[[Source], tuple[Row, ...]] | None = None
    """Series that come and go with what was seen."""
    lines: tuple[Line, ...] = (Line(),)
    """Of `value` and `values`."""
    row_labels: tuple[str, ...] = ()
    """Names of the labels of `rows`."""
    steady: bool = False
    """Whether it seldom changes from one sample to the next: then it is rendered only when it does."""
    stability: Stability = Stability.STABLE
    since: str = "0.1"
    """The version of Pollwatch that first had it."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels beyond those that tell whose series it is."""
        names = dict.fromkeys(name for line in self.lines for name, _ in line.labels)
        return (*names, *self.row_labels)

    @property
    def openmetrics_name(self) -> str:
        """The family's name in OpenMetrics, which puts the type's suffix on the series only."""
        match self.type:
            case MetricType.COUNTER:
                return self.name.removesuffix("_total")
            case MetricType.INFO:
                return self.name.removesuffix("_info")
            case _:
                return self.name
