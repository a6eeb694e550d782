"""Consoles for standard output and standard error."""

import os
import sys
from io import TextIOWrapper
from typing import TextIO

from rich.console import Console, RenderableType

UNFOLDED = 300
"""Width where there is no terminal: nothing is folded for a file or a pipe."""


def console(stream: TextIO) -> Console:
    """Make a console that never fails on a character the stream cannot show."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")
    width = None if stream.isatty() else UNFOLDED
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def show(out: Console, renderable: RenderableType) -> None:
    """Print something; for a file or a pipe without the spaces that pad it on the right."""
    if out.is_terminal:
        out.print(renderable)
        return
    with out.capture() as captured:
        out.print(renderable)
    out.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def shows_tables(out: Console) -> bool:
    """Whether this is a terminal that can draw a table again and again."""
    return out.is_terminal and not out.is_dumb_terminal


def abandon_stdout() -> None:
    """Send what is still written to standard output nowhere: its reader left."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
