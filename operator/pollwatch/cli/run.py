"""`pollwatch run`: probe the Checks in files, without a cluster."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import click
import uvloop
from rich.console import Console

from pollwatch.cli.arguments import ABOVE_ZERO
from pollwatch.cli.display.dashboard import happening_line
from pollwatch.cli.display.lines import plain_line
from pollwatch.cli.display.live import LiveTable
from pollwatch.cli.display.stream import LineStream
from pollwatch.cli.display.summary import summary
from pollwatch.cli.display.view import Happening, Note
from pollwatch.cli.display.words import count
from pollwatch.cli.documents import CheckResult, dumps, transition_document
from pollwatch.cli.embedded import DEFAULT_LISTEN, Display, Embedded
from pollwatch.cli.errors import BadInputError, one_line_errors
from pollwatch.cli.once import all_up, probe_once, results_document, results_table
from pollwatch.cli.reload import follow
from pollwatch.cli.sources import Reading, Sources, standard_input
from pollwatch.cli.terminal import abandon, console, show, shows_tables, unwritable, write
from pollwatch.plan.checks import Plan
from pollwatch.probes.network import system_network
from pollwatch.worker.process import prepare_process


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a run is shown, and what it may use."""

    listen: str | None = None
    """Where metrics are served; `None`: at the default address, or any free port."""
    hosts: Path | None = None
    """More host names (hosts(5)), which win over the system's."""
    as_json: bool = False
    """Whether transitions are written as JSON."""


Story = Callable[[Embedded], Awaitable[None]]
"""Something that goes on beside a run, and ends it when it returns."""


LOGGED = 20
"""Transitions that are printed when the table has left the terminal."""
EXIT_CODES = """\b
Exit codes:
  0  ended by Ctrl-C, SIGTERM or --for; with --once: all Checks are Up
  1  with --once: a Check is not Up
  2  the input or the options cannot be used
"""


@click.command(epilog=EXIT_CODES)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(allow_dash=True))
@click.option(
    "--listen", metavar="HOST:PORT", help="Serve /metrics there (else on 127.0.0.1:9877 or a free port)."
)
@click.option("--once", is_flag=True, help="Probe each target once, say what was found, and end.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--hosts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A hosts file (hosts(5)) that wins over /etc/hosts and DNS.",
)
@click.option(
    "--secrets-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where Secrets are, as DIR/NAME/KEY; they win over Secrets in the files.",
)
@click.option(
    "--for",
    "seconds",
    type=ABOVE_ZERO,
    metavar="SECONDS",
    help="End by itself after so long.",
)
def command(
    *,
    paths: tuple[str, ...],
    listen: str | None,
    once: bool,
    output: str,
    hosts: Path | None,
    secrets_dir: Path | None,
    seconds: float | None,
) -> None:
    """Probe the Checks in files, without a cluster.

    PATH is a file, a folder or - for standard input: the YAML that is applied to a cluster, with the
    Secrets and ConfigMaps that the Checks name. Files are read again when they change.

    On a terminal there is a live table, elsewhere a line for each transition; -o json makes each of them
    a JSON document.
    """
    settings = Settings(listen=listen, hosts=hosts, as_json=output == "json")
    sources = Sources(paths, secrets_dir=secrets_dir, stdin=standard_input())
    reading = first_reading(sources)
    if once:
        for note in reading.notes:
            click.echo(note, err=True)
        results = uvloop.run(_probe_once(reading.plan, hosts))
        if settings.as_json:
            write(sys.stdout, dumps(results_document(results), indent=2) + "\n")
        else:
            show(console(sys.stdout), results_table(results))
        raise SystemExit(0 if all_up(results) else 1)

    async def wait(run: Embedded) -> None:
        del run
        await asyncio.sleep(seconds or 0)

    with one_line_errors():
        uvloop.run(probe(sources, reading, settings, story=wait if seconds else None))


def first_reading(sources: Sources) -> Reading:
    """Read the files for the first time.

    Raises:
        BadInputError: Something is wrong with them; all of it is told.
    """
    reading = sources.read()
    if reading.problems:
        raise BadInputError([str(problem) for problem in reading.problems])
    return reading


async def probe(
    sources: Sources, reading: Reading, settings: Settings, *, story: Story | None = None
) -> None:
    """Probe until a signal comes or the story ends, and say what came of it.

    Args:
        sources: Where the reading came from; followed from now on.
        reading: What to begin with.
        settings: How it is shown.
        story: Goes on beside it, and ends it.

    Raises:
        ListenError: The address that was asked for cannot be had.
        BadInputError: The output cannot be written.
    """
    out = console(sys.stdout)
    table = shows_tables(out) and not settings.as_json
    network = system_network(hosts_file=settings.hosts)
    try:
        run = Embedded(network, listen=settings.listen, histories=table, max_in_flight=prepare_process())
        await run.start()
        run.apply(reading.plan)
        display: Display = LiveTable(out, run.view) if table else _lines(run, as_json=settings.as_json)
        await run.run(
            display,
            _greet(run, reading.notes, asked=settings.listen is not None),
            follow(sources, run),
            until=story(run) if story is not None else None,
        )
    finally:
        await network.aclose()
    if run.problem is not None:
        raise BadInputError([run.problem])
    last_words = console(sys.stderr) if settings.as_json else out
    if table:
        _leave_log(run, out)
    show(last_words, summary(run.board.tallies, started=run.started, ended=network.clock.time()))


def _leave_log(run: Embedded, out: Console) -> None:
    """Print the last transitions where the table was: it leaves nothing behind that could be scrolled to."""
    view = run.view()
    for happening in view.happenings[-LOGGED:]:
        out.print(happening_line(happening, one_namespace=view.one_namespace))


def _lines(run: Embedded, *, as_json: bool) -> LineStream:
    def lost(error: OSError) -> None:
        abandon(sys.stdout)
        run.stop(None if isinstance(error, BrokenPipeError) else unwritable(error))

    def line(happening: Happening) -> str:
        if as_json and not isinstance(happening, Note):
            return dumps(transition_document(happening))
        return plain_line(happening)

    return LineStream(sys.stdout, sys.stderr, line=line, notes=not as_json, lost=lost)


async def _greet(run: Embedded, notes: Iterable[str], *, asked: bool) -> None:
    """Say where the metrics are, and what there is to know of the files."""
    run.note(f"probing {count(len(run.plan.checks), 'Check')}, metrics at {run.metrics_url}")
    if not asked and not run.metrics_url.startswith(f"http://{DEFAULT_LISTEN}/"):
        run.note(f"{DEFAULT_LISTEN} is taken, so another port serves the metrics; choose one with --listen")
    for note in notes:
        run.note(note)


async def _probe_once(plan: Plan, hosts: Path | None) -> tuple[CheckResult, ...]:
    network = system_network(hosts_file=hosts)
    try:
        return await probe_once(plan, network)
    finally:
        await network.aclose()
