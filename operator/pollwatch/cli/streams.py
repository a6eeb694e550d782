"""The standard streams of the process, whatever its caller left of them."""

import os
import sys
from typing import TextIO, cast


def open_closed_streams() -> None:
    """Open the null device where the caller closed a standard stream (`>&-`).

    Python has `None` in its place, and the next file or socket would get its number.
    """
    if sys.stdin is None:
        sys.stdin = _null(0, "r")
    if sys.stdout is None:
        sys.stdout = _null(1, "w")
    if sys.stderr is None:
        sys.stderr = _null(2, "w")


def _null(number: int, mode: str) -> TextIO:
    descriptor = os.open(os.devnull, os.O_RDWR)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    return cast("TextIO", os.fdopen(number, mode, encoding="utf-8"))
