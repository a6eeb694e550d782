"""What a user can do wrong, said in one line each: the seam between errors and the terminal."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import click

from pollwatch.probes.request import InvalidRequestError
from pollwatch.probes.urls import InvalidUrlError
from pollwatch.worker.listen import ListenError

BAD_INPUT = 2
"""Exit code: what was given cannot be used."""


class BadInputError(click.ClickException):
    """What was given cannot be used: click prints the lines and ends with exit code 2.

    Args:
        lines: One a problem: what is wrong, where, how to mend it.
    """

    exit_code = BAD_INPUT

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the lines, without a heading: each says where it comes from."""
        click.echo(self.message, file=file or sys.stderr)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn the errors that a user can cause while a command starts into `BadInputError`."""
    try:
        yield
    except (ListenError, InvalidUrlError, InvalidRequestError) as error:
        raise BadInputError([str(error)]) from error
