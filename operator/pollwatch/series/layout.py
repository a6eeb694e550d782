"""Renders all series of one target in a few steps that happen in C.

The numbers go into one template for many families, the labels into all its lines at
once, and one split cuts the result into a chunk for each family.
"""

from collections.abc import Sequence
from typing import Generic

from pollwatch.series.exposition import label_pairs
from pollwatch.series.metric import Metric, Row, Source

_CUT = b"\xff"
"""Stands between families: a byte that is never part of UTF-8, so no label value can hold it."""

_SLOT = b"{"
"""Where the labels go: no number and no metric name can hold it."""


class Block(Generic[Source]):
    """Families that are rendered together, because they change together."""

    def __init__(self, metrics: Sequence[Metric[Source]]) -> None:
        singles = [(metric, metric.value) for metric in metrics if metric.value is not None]
        multiples = [(metric, metric.values) for metric in metrics if metric.values is not None]
        self.metrics = (*(metric for metric, _ in singles), *(metric for metric, _ in multiples))
        self._template = _CUT.decode("latin-1").join(map(_template, self.metrics))
        self._singles = tuple(value for _, value in singles)
        self._multiples = tuple(values for _, values in multiples)

    def read(self, source: Source) -> tuple[float, ...]:
        """Read the values of all series."""
        numbers = [value(source) for value in self._singles]
        for values in self._multiples:
            numbers += values(source)
        return tuple(numbers)

    def render(self, numbers: tuple[float, ...], labels: bytes) -> list[bytes]:
        """Render what `read` has read, a chunk for each family.

        Args:
            numbers: The values.
            labels: What tells whose series it is, from the opening brace on: `{check="a"`.
        """
        if not self.metrics:
            return []
        text = self._template % numbers
        return text.encode("latin-1").replace(_SLOT, labels).split(_CUT)


class Rows(Generic[Source]):
    """Families whose series come and go."""

    def __init__(self, metrics: Sequence[Metric[Source]]) -> None:
        varying = [(metric, metric.rows) for metric in metrics if metric.rows is not None]
        self.metrics = tuple(metric for metric, _ in varying)
        self._rows = tuple(rows for _, rows in varying)

    def read(self, source: Source) -> tuple[tuple[Row, ...], ...]:
        """Read the series of each family."""
        return tuple([rows(source) for rows in self._rows])

    def render(self, families: tuple[tuple[Row, ...], ...], labels: bytes) -> list[bytes]:
        """Render what `read` has read, a chunk for each family; empty when it has no series."""
        return [
            b"".join([_render_row(metric, row, labels) for row in rows])
            for metric, rows in zip(self.metrics, families, strict=True)
        ]


class Layout(Generic[Source]):
    """The families that one kind of source has, compiled for rendering."""

    def __init__(self, metrics: Sequence[Metric[Source]]) -> None:
        self.moving = Block([metric for metric in metrics if not metric.steady])
        self.steady = Block([metric for metric in metrics if metric.steady])
        self.rows = Rows(metrics)
        order = (*self.moving.metrics, *self.steady.metrics, *self.rows.metrics)
        self.position = {metric.name: index for index, metric in enumerate(order)}
        """Where the chunk of a family is among those of a target."""
        self._accumulates = tuple(metric.type.accumulates for metric in order)

    def only_accumulating(self, chunks: Sequence[bytes]) -> tuple[bytes, ...]:
        """Blank the families that say how the target is now."""
        return tuple([chunk if keep else b"" for chunk, keep in zip(chunks, self._accumulates, strict=True)])


def _template(metric: Metric[Source]) -> str:
    """Print a family with a slot for the labels and a conversion for the number on each line."""
    lines: list[str] = []
    for line in metric.lines:
        more = "," + label_pairs(line.labels) if line.labels else ""
        lines.append(f"{metric.name}{line.suffix}{{{more}}} {line.number}\n")
    return "".join(lines)


def _render_row(metric: Metric[Source], row: Row, labels: bytes) -> bytes:
    value, values = row
    more = "," + label_pairs(zip(metric.row_labels, values, strict=True)) if values else ""
    return b"%s%s%s} %a\n" % (metric.name.encode(), labels, more.encode(), value)
