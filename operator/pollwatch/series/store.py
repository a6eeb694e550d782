"""The series of all targets and Checks, kept as rendered text.

Rendering happens when a probe ends, a few microseconds at a time; a scrape only joins
what is there, in slices, so that it never holds the event loop.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final, Generic, TypeVar

from pollwatch.plan.checks import CheckPlan, Target
from pollwatch.plan.samples import Sample
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.series.exposition import Exposition, header, label_pairs
from pollwatch.series.layout import Layout
from pollwatch.series.members import Members
from pollwatch.series.metric import Metric, Row, Source
from pollwatch.series.table import (
    CHECK_LABELS,
    CHECK_METRICS,
    METRICS_OF,
    RESERVED_LABELS,
    TARGET_LABELS,
    TARGET_METRICS,
)
from pollwatch.series.tally import Tally

SLICE_BYTES: Final = 1 << 17
"""How much a slice of a page holds, about: making and sending it takes about a millisecond."""

_SLICE_VISITS: Final = 5_000
"""How many members are visited for one slice at most, for families that few of them have."""


class Series(Generic[Source]):
    """The rendered series of one target or Check.

    What is kept is in tuples, which the garbage collector soon passes over: a worker has
    thousands of these, and a collection holds the event loop.
    """

    __slots__ = ("_row_chunks", "_rows", "_steady", "_steady_chunks", "chunks", "labels", "layout")

    def __init__(self, layout: Layout[Source], labels: Sequence[tuple[str, str]]) -> None:
        self.layout = layout
        self.labels = ("{" + label_pairs(labels)).encode()
        """What tells whose series it is, as it stands on each line."""
        self.chunks: tuple[bytes, ...] = ()
        """The text of each family, at `layout.position`; empty where there is no series."""
        self._steady: tuple[float, ...] = ()
        self._rows: tuple[tuple[Row, ...], ...] = ()
        self._steady_chunks: tuple[bytes, ...] = ()
        self._row_chunks: tuple[bytes, ...] = ()

    def _expose(self, source: Source, *, gauges: bool = True) -> None:
        layout = self.layout
        steady = layout.steady.read(source)
        if steady != self._steady:
            self._steady = steady
            self._steady_chunks = tuple(layout.steady.render(steady, self.labels))
        rows = layout.rows.read(source)
        if rows != self._rows:
            self._rows = rows
            self._row_chunks = tuple(layout.rows.render(rows, self.labels))
        moving = layout.moving.render(layout.moving.read(source), self.labels)
        chunks = (*moving, *self._steady_chunks, *self._row_chunks)
        self.chunks = chunks if gauges else layout.only_accumulating(chunks)


class TargetSeries(Series[Tally]):
    """The series of one target.

    Counters and the histogram are there from the start, so that a first increase is seen. Gauges say how
    the target is: they are there when the last sample says so, not before the first sample nor after one
    whose outcome is `Error`.
    """

    __slots__ = ("_tally",)

    def __init__(self, layout: Layout[Tally], target: Target) -> None:
        check = target.check
        identity = (*check.key, check.target, target.address or "")
        super().__init__(layout, (*zip(TARGET_LABELS, identity, strict=True), *_own_labels(check)))
        self._tally = Tally(timeout=check.timeout)
        self._expose(self._tally, gauges=False)

    def observe(self, sample: Sample) -> None:
        """Count a sample and expose it."""
        tally = self._tally
        tally.add(sample)
        self._expose(tally, gauges=tally.tells)

    def change_timeout(self, timeout: float) -> None:
        """Expose another timeout (seconds); what was counted stays."""
        self._tally.timeout = timeout
        self._expose(self._tally, gauges=self._tally.tells)


class CheckSeries(Series[CheckState]):
    """The series of one Check; `Unknown` until there is a state."""

    __slots__ = ()

    def __init__(self, layout: Layout[CheckState], check: CheckPlan) -> None:
        super().__init__(layout, (*zip(CHECK_LABELS, check.key, strict=True), *_own_labels(check)))
        self._expose(
            CheckState(
                key=check.key,
                uid=check.uid,
                generation=check.generation,
                verdict=Verdict.UNKNOWN,
                previous=Verdict.UNKNOWN,
                since=0.0,
                at=0.0,
                total=0,
                up=0,
            )
        )

    def observe(self, state: CheckState) -> None:
        """Expose a state."""
        self._expose(state)


AnySeries = TypeVar("AnySeries", bound=Series[Any])


class SeriesStore:
    """All series of a worker but its own."""

    def __init__(self) -> None:
        self._targets = {protocol: Layout[Tally](metrics) for protocol, metrics in METRICS_OF.items()}
        self._checks = Layout[CheckState](CHECK_METRICS)
        layouts: tuple[Layout[Any], ...] = (*self._targets.values(), self._checks)
        self._members: dict[Layout[Any], Members[Series[Any]]] = {layout: Members() for layout in layouts}
        # Two members with the same labels would make a page that no scraper accepts.
        self._by_labels: dict[bytes, Series[Any]] = {}

    def open_target(self, target: Target) -> TargetSeries:
        """Begin to expose a target, from zero."""
        return self._open(TargetSeries(self._targets[type(target.check.probe)], target))

    def open_check(self, check: CheckPlan) -> CheckSeries:
        """Begin to expose a Check."""
        return self._open(CheckSeries(self._checks, check))

    def close_target(self, series: TargetSeries) -> None:
        """Stop exposing a target, at once; a second time does nothing."""
        self._close(series)

    def close_check(self, series: CheckSeries) -> None:
        """Stop exposing a Check, at once; a second time does nothing."""
        self._close(series)

    def render(self, exposition: Exposition) -> Iterator[bytes]:
        """Join the page, a slice of about `SLICE_BYTES` at a time.

        Series may come, change and go between two slices. Each target's lines of a family are of one
        moment. A slice may be empty: then it was long to look for.

        Yields:
            Whole lines. What ends the page (`Exposition.end`) is left to the caller, who may have more
            families to show.
        """
        parts: list[bytes] = []
        size = visits = 0
        for metric in chain[Metric[Any]](TARGET_METRICS, CHECK_METRICS):
            title = header(metric, exposition)
            for visited, chunks in self._chunks(metric):
                if chunks:
                    parts.append(title)
                    parts += chunks
                    size += sum(map(len, chunks))
                    title = b""
                visits += visited
                if size >= SLICE_BYTES or visits >= _SLICE_VISITS:
                    yield b"".join(parts)
                    parts.clear()
                    size = visits = 0
        yield b"".join(parts)

    def _chunks(self, metric: Metric[Any]) -> Iterator[tuple[int, list[bytes]]]:
        """Collect the chunks of one family, some members at a time, and say how many members."""
        for layout, members in self._members.items():
            position = layout.position.get(metric.name)
            if position is None:
                continue
            for bundle in members.bundles():
                yield len(bundle), [chunk for member in bundle if (chunk := member.chunks[position])]

    def _open(self, series: AnySeries) -> AnySeries:
        if former := self._by_labels.get(series.labels):
            self._close(former)
        self._by_labels[series.labels] = series
        self._members[series.layout].add(series)
        return series

    def _close(self, series: Series[Any]) -> None:
        self._members[series.layout].discard(series)
        if self._by_labels.get(series.labels) is series:
            del self._by_labels[series.labels]


def _own_labels(check: CheckPlan) -> Iterator[tuple[str, str]]:
    # The API refuses these names; a plan that has them all the same must not break the whole page.
    return ((name, value) for name, value in check.labels if name not in RESERVED_LABELS)
