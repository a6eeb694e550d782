"""Latency as a line of blocks, one for each probe."""

from collections.abc import Sequence

from rich.text import Text

from pollwatch.cli.display.view import Point

BLOCKS = "▁▂▃▄▅▆▇█"
FAILED = "✗"
FLOOR = 0.01
"""Seconds at the full height at least: noise below 10 ms stays flat."""


def sparkline(points: Sequence[Point], width: int) -> Text:
    """Draw the last `width` probes, from zero to the slowest of them; failed ones are crosses."""
    shown = points[-width:] if width > 0 else ()
    top = max((point.seconds for point in shown if not point.failed), default=0.0)
    text = Text(" " * (width - len(shown)), no_wrap=True)
    for point in shown:
        if point.failed:
            text.append(FAILED, "red")
        else:
            step = int(point.seconds / max(top, FLOOR) * len(BLOCKS))
            text.append(BLOCKS[min(step, len(BLOCKS) - 1)], "cyan")
    return text
