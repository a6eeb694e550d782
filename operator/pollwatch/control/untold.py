"""Turns that are told when the status that shows them is written.

Told before, one would be told twice when its leader dies in between: the next finds it again, maybe by
another worker, who saw it at another time. Told afterwards, the status says to the next what to tell.
"""

from collections.abc import Callable

from pollwatch.control.news import News
from pollwatch.control.status import Standing
from pollwatch.plan.checks import CheckKey


class Untold:
    """The last turn of each Check, until its status is written. Belongs to one event loop."""

    def __init__(self, tell: Callable[[News], None]) -> None:
        """Wire it; `tell` is called for what is news."""
        self._tell = tell
        self._waiting: dict[CheckKey, tuple[Standing, News | None]] = {}

    def add(self, key: CheckKey, standing: Standing, news: News | None) -> None:
        """Have a turn told, if it is news, when a status says so; one before it is told at once."""
        self.overtake(key)
        self._waiting[key] = (standing, news)

    def shown(self, key: CheckKey, standing: Standing) -> None:
        """Take in that the status of a Check says so."""
        if key in self._waiting and self._waiting[key][0] == standing:
            self.overtake(key)

    def overtake(self, key: CheckKey) -> None:
        """Tell what waits: no status is going to show it."""
        _, news = self._waiting.pop(key, (None, None))
        if news is not None:
            self._tell(news)

    def forget(self, key: CheckKey) -> None:
        """Drop what waits of a Check that is gone."""
        self._waiting.pop(key, None)

    def clear(self) -> None:
        """Drop all: somebody else leads, who finds it."""
        self._waiting.clear()
