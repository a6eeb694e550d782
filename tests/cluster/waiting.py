"""Wait for something that another process does, with a deadline and a reason."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class DeadlineError(AssertionError):
    """What was waited for did not come in time."""


def wait_until(
    outcome: Callable[[], T],
    *,
    what: str,
    within_seconds: float = 30.0,
    every_seconds: float = 0.05,
) -> T:
    """Call `outcome` until it returns something true, and return that.

    Args:
        outcome: Asked again and again; what it raises is not caught.
        what: Ends the sentence "waited N seconds for ...".
        within_seconds: Generous: it is reached only when the thing is broken.
        every_seconds: The pause between two calls.

    Raises:
        DeadlineError: The answer was still false at the deadline; the message holds it.
    """
    deadline = time.monotonic() + within_seconds
    while not (answer := outcome()):
        if time.monotonic() >= deadline:
            raise DeadlineError(
                f"waited {within_seconds:g} seconds for {what}; the last answer was {answer!r}"
            )
        time.sleep(every_seconds)
    return answer
