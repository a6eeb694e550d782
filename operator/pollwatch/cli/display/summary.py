"""The summary at the end of a run: what came of each Check."""

from collections.abc import Sequence
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pollwatch.cli.display.board import Began, Tally
from pollwatch.cli.display.words import STYLES, count, share, span
from pollwatch.plan.checks import CheckKey

LAST = 8
"""Verdicts of a timeline that are shown."""
MOST = 40
"""Checks that are shown, those with the most failures."""


def summary(tallies: Sequence[tuple[CheckKey, Tally]], *, started: float, ended: float) -> RenderableType:
    """Say how many probes each Check had, how many failed, and how its verdict went over time.

    Args:
        tallies: Of each Check.
        started: When probing began, Unix seconds.
        ended: When it ended, Unix seconds.
    """
    probes = sum(tally.attempts for _, tally in tallies)
    head = Text(
        f"{count(probes, 'probe')} of {count(len(tallies), 'Check')} in {span(ended - started)}", "bold"
    )
    drawn = Table(
        "CHECK",
        "PROBES",
        "FAILED",
        "SHARE",
        "VERDICTS",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="dim",
        pad_edge=False,
    )
    for column in drawn.columns[1:4]:
        column.justify = "right"
    drawn.columns[0].overflow = "fold"
    worst = sorted(tallies, key=lambda item: -item[1].failures)
    for key, tally in sorted(worst[:MOST], key=lambda item: item[0]):
        drawn.add_row(
            str(key),
            str(tally.attempts),
            str(tally.failures),
            share(tally.failures, tally.attempts),
            timeline(tally, ended),
        )
    rest = [tally for _, tally in worst[MOST:]]
    return Group(head, drawn, *([_counted(rest)] if rest else []))


def timeline(tally: Tally, ended: float) -> Text:
    """Write the verdicts one after the other, with how long each held: `Up 20 s, Degraded 28 s`."""
    known = [*tally.timeline, Began(ended, tally.timeline[-1].verdict)] if tally.timeline else []
    spans = [(begin.verdict, end.at - begin.at) for begin, end in pairwise(known)]
    text = Text("... " if tally.changes > LAST else "")
    shown = [Text(f"{verdict} {span(seconds)}", STYLES[verdict]) for verdict, seconds in spans[-LAST:]]
    return text.append_text(Text(", ").join(shown))


def _counted(tallies: Sequence[Tally]) -> Text:
    """Say in one line what came of the Checks that are not shown."""
    failures, attempts = sum(tally.failures for tally in tallies), sum(tally.attempts for tally in tallies)
    return Text(
        f"... and {count(len(tallies), 'more Check')}: {failures} of {count(attempts, 'probe')} failed", "dim"
    )
