"""Logs: JSON for machines, colours for a terminal; a constant message and key/values.

Lines are written by a thread: a reader of standard error that is slow, or has stopped, holds up
no probe.
"""

import logging
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueListener
from typing import TextIO

import structlog

from pollwatch.worker.logs import BACKLOG, Backlog

_QUIET = {
    # Its word for each request that is tried again is ERROR; what matters is told by our own loggers.
    "kopf": logging.CRITICAL,
    "aiohttp": logging.WARNING,
    "asyncio": logging.WARNING,
    "kubernetes": logging.WARNING,
    # So is its word for a Lease that somebody else was faster to write.
    "kubernetes.aio.leaderelection": logging.CRITICAL,
    # A line for each request.
    "httpx": logging.WARNING,
    "uvicorn": logging.WARNING,
}


@contextmanager
def logs_to(stream: TextIO) -> Iterator[None]:
    """Send all logs of the process, ours and the libraries', to a stream; at the end all are written.

    Tracebacks are told without the values of local variables: these may be secret.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    lines: queue.Queue[logging.LogRecord] = queue.Queue(BACKLOG)
    handler = Backlog(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=_rendering(colours=stream.isatty())
        )
    )
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
        writer.stop()


def _rendering(*, colours: bool) -> list[structlog.types.Processor]:
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if colours:
        plain = structlog.dev.plain_traceback
        return [clean, structlog.dev.ConsoleRenderer(exception_formatter=plain, pad_event_to=40)]
    return [clean, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
