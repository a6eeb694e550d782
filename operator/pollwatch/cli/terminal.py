"""Consoles for standard output and standard error."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, TextIO

from rich.console import Console, RenderableType

from pollwatch.cli.errors import BadInputError

UNFOLDED = 300
"""Width where there is no terminal: nothing is folded for a file or a pipe."""


def console(stream: TextIO) -> Console:
    """Make a console that never fails on a character the stream cannot show."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")
    width = None if stream.isatty() else UNFOLDED
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def show(out: Console, renderable: RenderableType) -> None:
    """Print something; for a file or a pipe without the spaces that pad it on the right.

    Raises:
        BadInputError: It cannot be written.
    """
    with _writing(out.file):
        if out.is_terminal:
            out.print(renderable)
        else:
            with out.capture() as captured:
                out.print(renderable)
            out.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def write(stream: IO[str], text: str) -> None:
    """Write text to a standard stream. Nothing happens if its reader left.

    Raises:
        BadInputError: It cannot be written: the disk is full, say.
    """
    with _writing(stream):
        stream.write(text)


@contextmanager
def _writing(stream: IO[str]) -> Iterator[None]:
    try:
        yield
        stream.flush()
    except BrokenPipeError:
        abandon(stream)
    except OSError as error:
        abandon(stream)
        raise BadInputError([unwritable(error)]) from error


def unwritable(error: OSError) -> str:
    """Say why nothing can be written, in one line."""
    return f"the output cannot be written: {(error.strerror or str(error)).lower()}"


def shows_tables(out: Console) -> bool:
    """Whether this is a terminal that can draw a table again and again."""
    return out.is_terminal and not out.is_dumb_terminal


def abandon(stream: IO[str]) -> None:
    """Send nowhere what is still written to a stream, and what it holds back."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
