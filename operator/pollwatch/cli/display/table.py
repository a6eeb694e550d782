"""The table of Checks and their targets."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rich.table import Column, Table
from rich.text import Text

from pollwatch.cli.display.fit import Block
from pollwatch.cli.display.sparkline import sparkline
from pollwatch.cli.display.view import CheckRow, TargetRow, View
from pollwatch.cli.display.words import GLYPHS, STYLES, count, outcome, share, span, tally
from pollwatch.plan.samples import Outcome
from pollwatch.plan.states import Verdict

WIDE = 110
"""Columns of the terminal from which every column of the table has room."""
NARROW_SPARKLINE = 8
WIDEST_SPARKLINE = 24
SOON = 10
"""Seconds below which the time until the next probe is told to a tenth."""


class Row(NamedTuple):
    """The cells of one line, in the order of the columns; a narrow terminal leaves out the last two."""

    verdict: Text | str
    name: Text
    last: Text | str
    recent: Text | str = ""
    ever: Text | str = ""
    latency: Text | str = ""
    lasting: Text | str = ""
    due: Text | str = ""


def sign(verdict: Verdict, word: str | None = None) -> Text:
    """Write a verdict with its glyph, in its colour."""
    return Text(f"{GLYPHS[verdict]} {word or verdict}", STYLES[verdict], no_wrap=True)


def table(view: View, blocks: Sequence[Block], width: int) -> Table:
    """Draw the Checks, each with the targets that have a line of their own."""
    spark = min(WIDEST_SPARKLINE, width // 7) if width >= WIDE else NARROW_SPARKLINE
    columns = [
        Column("VERDICT", width=12),
        Column("CHECK", max_width=width // 3),
        Column("LAST PROBE", ratio=1),
        Column("FAILED", justify="right", width=6),
        Column("EVER", justify="right", width=5),
        Column("LATENCY", width=spark),
    ]
    if width >= WIDE:
        columns += [Column("FOR", justify="right", width=11), Column("NEXT", justify="right", width=6)]
    for column in columns:
        column.no_wrap = True
    drawn = Table(*columns, box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    for block in blocks:
        for row in _rows(view, block, spark):
            drawn.add_row(*row[: len(columns)])
    hidden = Counter(view.verdicts)
    hidden.subtract(block.check.verdict for block in blocks)
    if hidden.total():
        name = Text(f"... and {hidden.total()} more", "dim")
        drawn.add_row("", name, Text(tally(hidden.elements()), "dim"))
    return drawn


def _rows(view: View, block: Block, spark: int) -> list[Row]:
    check = block.check
    name = Text(check.key.name if view.one_namespace else str(check.key), "bold")
    lasting = span(view.now - check.since)
    if len(check.targets) == 1:
        return [_target_row(sign(check.verdict), name, check.targets[0], spark, lasting)]
    rows = [_check_row(check, name, lasting)]
    for target in block.targets:
        address = Text(f"  {target.address}")
        rows.append(_target_row(Text("  ").append_text(sign(target.verdict)), address, target, spark))
    if block.more:
        rows.append(Row(verdict="", name=Text(f"  ... and {block.more} more", "dim"), last=""))
    return rows


def _check_row(check: CheckRow, name: Text, lasting: str) -> Row:
    """The line above those of the targets."""
    recent, ever = _shares(check.targets)
    last = Text(f"{check.up} of {count(len(check.targets), 'address', 'addresses')} up")
    return Row(verdict=sign(check.verdict), name=name, last=last, recent=recent, ever=ever, lasting=lasting)


def _target_row(verdict: Text, name: Text, target: TargetRow, spark: int, lasting: Text | str = "") -> Row:
    recent, ever = _shares((target,))
    return Row(
        verdict=verdict,
        name=name,
        last=_last(target),
        recent=recent,
        ever=ever,
        latency=sparkline(target.recent, spark),
        lasting=lasting,
        due=_due(target.due_in),
    )


def _last(target: TargetRow) -> Text:
    if target.sample is None:
        return Text("not probed yet", "dim")
    return Text(outcome(target.sample), "" if target.sample.outcome is Outcome.SUCCESS else "red")


def _shares(targets: Sequence[TargetRow]) -> tuple[Text, Text]:
    """Share of failures among the recent probes, and since the start."""
    failed = sum(target.recent_failures for target in targets)
    recent = share(failed, sum(len(target.recent) for target in targets))
    ever = share(sum(target.failures for target in targets), sum(target.attempts for target in targets))
    return Text(recent, "red" if failed else ""), Text(ever, "dim")


def _due(seconds: float | None) -> Text | str:
    """Count down to the next probe."""
    if seconds is None:
        return ""
    if seconds <= 0:
        return Text("now", "dim")
    return Text(f"{seconds:.1f} s" if seconds < SOON else span(seconds), "dim")
