"""Renders all series of one target in a few steps that happen in C.

The numbers go into one template for the whole target, the labels into all its lines
at once, and one split cuts the result into a chunk for each metric family.
"""

from collections.abc import Callable, Sequence
from typing import Generic

from pollwatch.series.exposition import label_pairs
from pollwatch.series.metric import Metric, Row, Source

_CUT = b"\xff"
"""Stands between families: a byte that is never part of UTF-8, so no label value can hold it."""

_SLOT = b"{"
"""Where the labels go: no number and no metric name can hold it."""


class Layout(Generic[Source]):
    """The families that one kind of source has, compiled for rendering."""

    def __init__(self, metrics: Sequence[Metric[Source]]) -> None:
        fixed = [metric for metric in metrics if metric.rows is None]
        varying = [(metric, metric.rows) for metric in metrics if metric.rows is not None]
        self.metrics = (*fixed, *(metric for metric, _ in varying))
        """In the order of a target's chunks."""
        self.position = {metric.name: index for index, metric in enumerate(self.metrics)}
        """Where the chunk of a family is."""
        self.nothing = (b"",) * len(self.metrics)
        """The chunks of a target that exposes nothing."""
        self.fixed_count = len(fixed)
        self._accumulates = tuple(metric.type.accumulates for metric in self.metrics)
        self._template = _CUT.decode("latin-1").join(map(_template, fixed))
        self._values: tuple[Callable[[Source], float], ...] = tuple(
            line.value for metric in fixed for line in metric.lines
        )
        self._varying = tuple(varying)

    def fixed(self, source: Source, labels: bytes) -> list[bytes]:
        """Render the families whose series are always there, a chunk each.

        Args:
            source: What the values are read from.
            labels: What tells whose series it is, from the opening brace on: `{check="a"`.
        """
        numbers = self._template % tuple([value(source) for value in self._values])
        return numbers.encode("latin-1").replace(_SLOT, labels).split(_CUT)

    def varying(self, source: Source) -> list[Sequence[Row]]:
        """Read the families whose series come and go."""
        return [rows(source) for _, rows in self._varying]

    def render_rows(self, families: Sequence[Sequence[Row]], labels: bytes) -> list[bytes]:
        """Render what `varying` has read, a chunk for each family."""
        return [
            b"".join([_render_row(metric, row, labels) for row in rows])
            for (metric, _), rows in zip(self._varying, families, strict=True)
        ]

    def only_accumulating(self, chunks: Sequence[bytes]) -> list[bytes]:
        """Blank the families that say how the target is now."""
        return [chunk if keep else b"" for chunk, keep in zip(chunks, self._accumulates, strict=True)]


def _template(metric: Metric[Source]) -> str:
    """Print a family with a slot for the labels and a conversion for the number on each line."""
    lines: list[str] = []
    for line in metric.lines:
        more = "," + label_pairs(line.labels) if line.labels else ""
        lines.append(f"{metric.name}{line.suffix}{{{more}}} {line.number}\n")
    return "".join(lines)


def _render_row(metric: Metric[Source], row: Row, labels: bytes) -> bytes:
    more = "," + label_pairs(zip(metric.row_labels, row.labels, strict=True)) if row.labels else ""
    return b"%s%s%s} %r\n" % (metric.name.encode(), labels, more.encode(), row.value)
