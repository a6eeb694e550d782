"""Turns that are told when the status that shows them is written.

Told before, one would be told twice when its leader dies in between: the next finds it again, maybe by
another worker, who saw it at another time. Told afterwards, the status says to the next what to tell.
"""

from collections.abc import Callable

from pollwatch.control.news import News
from pollwatch.control.status import Standing
from pollwatch.plan.checks import CheckKey

MOST = 16
"""Turns of one Check that wait; of more, the first are told at once."""


class Untold:
    """The last turns of each Check, until its status is written. Belongs to one event loop."""

    def __init__(self, tell: Callable[[News], None]) -> None:
        """Wire it; `tell` is called for what is news, in the order in which it was."""
        self._tell = tell
        self._waiting: dict[CheckKey, list[tuple[Standing, News | None]]] = {}

    def add(self, key: CheckKey, standing: Standing, news: News | None) -> None:
        """Have a turn told, if it is news, when a status shows it or a later one."""
        waiting = self._waiting.setdefault(key, [])
        waiting.append((standing, news))
        if len(waiting) > MOST:
            self._tell_first(key, 1)

    def shown(self, key: CheckKey, standing: Standing) -> bool:
        """Take in what a status shows; return whether that is a turn that waited."""
        for place, (waiting, _) in enumerate(self._waiting.get(key, ())):
            if waiting == standing:
                self._tell_first(key, place + 1)
                return True
        return False

    def overtake(self, key: CheckKey) -> None:
        """Tell what waits: no status is going to show it."""
        self._tell_first(key, len(self._waiting.get(key, ())))

    def forget(self, key: CheckKey) -> None:
        """Drop what waits of a Check: it is gone, or found anew."""
        self._waiting.pop(key, None)

    def clear(self) -> None:
        """Drop all: somebody else leads, who finds it."""
        self._waiting.clear()

    def _tell_first(self, key: CheckKey, count: int) -> None:
        waiting = self._waiting.pop(key, [])
        if waiting[count:]:
            self._waiting[key] = waiting[count:]
        for _, news in waiting[:count]:
            if news is not None:
                self._tell(news)
