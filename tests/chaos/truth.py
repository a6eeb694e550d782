"""What is true of the Checks, as the servers know it: told by what was done, not by what was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Turn(NamedTuple):
    """A verdict that became true."""

    at: float
    """`time.monotonic`."""
    verdict: str


@dataclass(kw_only=True)
class Subject:
    """One Check and its server.

    Attributes:
        name: Of the Check.
        version: Of its URL: one more with each change.
        fails: Whether its server fails now.
        turns: What became true since it was first found to be Up, in order.
        deleted: When it was, `time.monotonic`; `None`: it is there.
    """

    name: str
    version: int = 1
    fails: bool = False
    turns: list[Turn] = field(default_factory=list)
    deleted: float | None = None

    @property
    def path(self) -> str:
        """What its server is asked for now."""
        return f"/{self.name}/{self.version}"

    @property
    def verdict(self) -> str:
        """What it has to be found to be."""
        return "Down" if self.fails else "Up"

    def turn(self, *, fails: bool, at: float) -> None:
        """Have its server fail, or recover."""
        self.fails = fails
        self.turns.append(Turn(at, self.verdict))


def name_of(number: int) -> str:
    """Name of a Check by its number."""
    return f"check-{number:04}"
