"""The worker's log: JSON for machines, plain lines for a terminal; a constant message and key/values.

The standard library's logging suffices: what formats tracebacks in colour takes longer to import than
all of a worker.
"""

import json
import logging
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from typing import Any, TextIO

BACKLOG = 10_000
"""Lines that wait for a slow reader; more are dropped, and counted."""

_QUIET = {"asyncio": logging.WARNING, "uvicorn": logging.ERROR, "watchfiles": logging.WARNING}
"""What a hostile client can make uvicorn say is no news."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest are the values of this one."""


@contextmanager
def logs_to(stream: TextIO) -> Iterator[None]:
    """Send all logs of the process to a stream; a reader that has stopped holds up no probe.

    At the end all lines are written. Tracebacks are told without the values of local variables: these
    may be secret.
    """
    lines: queue.Queue[logging.LogRecord] = queue.Queue(BACKLOG)
    handler = Backlog(lines)
    handler.setFormatter(_Plain() if stream.isatty() else _Json())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
    writer = QueueListener(lines, logging.StreamHandler(stream))
    writer.start()
    try:
        yield
    finally:
        lines.join()
        handler.tell_dropped()
        writer.stop()


class Backlog(QueueHandler):
    """Lines that are to be written by a thread; waits for nobody."""

    def __init__(self, lines: queue.Queue[logging.LogRecord]) -> None:
        super().__init__(lines)
        self._dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Add a line, or count it if there is no room."""
        if not (self.tell_dropped() and self._put(record)):
            self._dropped += 1

    def tell_dropped(self) -> bool:
        """Add a line that says how many are missing before it; return whether none is untold."""
        if self._dropped:
            level = logging.WARNING
            told = {"name": __name__, "levelno": level, "levelname": logging.getLevelName(level)}
            told |= {"msg": "log lines were dropped", "lines": self._dropped}
            if not self._put(self.prepare(logging.makeLogRecord(told))):
                return False
            self._dropped = 0
        return True

    def _put(self, record: logging.LogRecord) -> bool:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return False
        return True


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            **_values(record),
            "event": record.getMessage(),
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": _time(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        values = " ".join(
            f"{name}={json.dumps(value, default=str)}" for name, value in _values(record).items()
        )
        line = f"{_time(record)} {record.levelname.lower():7} {record.getMessage()} {values}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _values(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    return (
        datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
