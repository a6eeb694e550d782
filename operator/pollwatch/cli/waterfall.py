"""One sample as a person wants to see it: each phase a bar, beginning where the one before ended."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from pollwatch.cli.display.words import DAY, count, latency
from pollwatch.plan.samples import Outcome, Phases, Sample

BAR = 32
"""Width of the bars together, in characters."""
SOON = 21
"""Days of validity below which a certificate is coloured: most tools renew at 30 and again at 20."""


def waterfall(sample: Sample, target: str) -> RenderableType:
    """Draw the outcome, the phases and what is known of the answer.

    Args:
        sample: What the probe found.
        target: What was probed, as the user named it.
    """
    return Group(_headline(sample, target), _bars(sample), *_certificate(sample))


def bar(phases: Phases, index: int, width: int = BAR) -> str:
    """Draw the bar of one phase in its place among all; a phase that was reached is never invisible."""
    total = sum(phases)
    if not phases[index]:
        return ""
    start = int(sum(phases[:index]) / total * width)
    length = max(1, round(phases[index] / total * width))
    start = min(start, width - length)
    return " " * start + "▇" * length


def _headline(sample: Sample, target: str) -> Text:
    took = latency(sample.duration)
    if sample.outcome is Outcome.SUCCESS:
        line = Text.assemble(("● ", "green"), ("Success", "bold green"), f" in {took}  {target}")
    else:
        line = Text.assemble(("✗ ", "bold red"), (f"{sample.reason}", "bold red"), f" after {took}  {target}")
        if sample.evidence:
            line.append(f"\n  {sample.evidence}", "red")
    return line


def _bars(sample: Sample) -> Table:
    drawn = Table(
        Column(style="dim"),
        Column(width=BAR, no_wrap=True, style="cyan"),
        Column(justify="right", no_wrap=True),
        Column(overflow="fold"),
        box=None,
        show_header=False,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    for index, (name, seconds) in enumerate(sample.phases._asdict().items()):
        drawn.add_row(
            f"  {name}",
            bar(sample.phases, index),
            latency(seconds) if seconds else Text("-", "dim"),
            _said_of(name, sample),
        )
    return drawn


def _said_of(phase: str, sample: Sample) -> str:
    """What is known of a phase beside its time."""
    http, tls = sample.http, sample.tls
    match phase:
        case "resolve" if sample.resolved:
            return ", ".join(sample.resolved)
        case "connect" if sample.address:
            return sample.address
        case "tls" if tls:
            return f"{tls.version}, {tls.cipher}"
        case "processing" if http:
            redirects = f" after {count(http.redirects, 'redirect')}" if http.redirects else ""
            return f"HTTP/{http.version} {http.status}{redirects}"
        case "transfer" if http:
            return count(http.body_bytes, "byte")
    return ""


def _certificate(sample: Sample) -> Iterator[Text]:
    if sample.tls is None or not sample.tls.earliest_expiry:
        return  # 0.0: no certificate could be read
    days = int((sample.tls.earliest_expiry - sample.started) // DAY)
    if days < 0:
        yield Text(f"  certificate expired {count(-days, 'day')} ago", "red")
    else:
        yield Text(f"  certificate expires in {count(days, 'day')}", "yellow" if days < SOON else "dim")
