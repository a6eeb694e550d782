"""The live table's whole screen: title, table, last transitions."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.rule import Rule
from rich.table import Column, Table
from rich.text import Text

from pollwatch.cli.display.fit import fit
from pollwatch.cli.display.table import sign, table
from pollwatch.cli.display.view import Happening, Note, View
from pollwatch.cli.display.words import SEVERITY, because, count, span, targets_up, wall_time

FEWEST_HAPPENINGS = 5
"""Lines kept for the transitions, however many Checks there are."""
FRAME = 4
"""Lines of the title, the two rules and the heads of the columns."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A view as a rich renderable: it asks for the size of the terminal each time it is drawn."""

    view: View

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table, and as many transitions as there is room for below it."""
        height = options.height or console.height
        blocks = fit(self.view.checks, max(1, height - FRAME - FEWEST_HAPPENINGS))
        hidden = sum(self.view.verdicts.values()) > len(blocks)
        used = sum(block.lines for block in blocks) + hidden
        yield title(self.view)
        yield Rule(style="dim")
        yield table(self.view, blocks, options.max_width)
        yield Rule(style="dim")
        yield from newest(self.view, console, options.max_width, max(1, height - FRAME - used))


def title(view: View) -> Table:
    """Say how many Checks have which verdict, where the metrics are, and how long it has run."""
    left = Text.assemble(("Pollwatch", "bold"), no_wrap=True, overflow="ellipsis")
    for verdict in sorted(view.verdicts, key=SEVERITY.__getitem__):
        left.append("  ").append_text(sign(verdict, f"{view.verdicts[verdict]} {verdict}"))
    if not view.verdicts:
        left.append(f"  {count(0, 'Check')}", "dim")
    right = Text(f"{view.metrics_url}   {span(view.now - view.started)}", "dim", no_wrap=True)
    line = Table.grid(Column(ratio=1), Column(justify="right"), expand=True, padding=(0, 1))
    line.add_row(left, right)
    return line


def newest(view: View, console: Console, width: int, height: int) -> list[Text]:
    """Write as many of the last transitions and notes as fit; problems are not cut short but folded."""
    lines: list[Text] = []
    for happening in reversed(view.happenings):
        line = happening_line(happening, one_namespace=view.one_namespace)
        lines[:0] = [line] if line.no_wrap else line.wrap(console, width)
        if len(lines) >= height:
            break
    return lines[-height:]


def happening_line(happening: Happening, *, one_namespace: bool) -> Text:
    """Write a transition or a note; only a problem may take more than one line."""
    folded = isinstance(happening, Note) and happening.problem
    line = Text(no_wrap=not folded, overflow="fold" if folded else "ellipsis")
    line.append(f"{wall_time(happening.at)}  ", "dim")
    if isinstance(happening, Note):
        return line.append(f"▸ {happening.text}", "bold red" if happening.problem else "bold cyan")
    line.append_text(sign(happening.verdict, f"{happening.verdict:<8}"))
    name = happening.key.name if one_namespace else str(happening.key)
    line.append("  ".join(part for part in (f"  {name}", targets_up(happening)) if part))
    why = because(happening)
    return line.append(f"  {why}", "dim") if why else line
