"""One step of a build: a command that takes a while, and says how far it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.cluster.cache import ToolUnavailableError
from tests.cluster.process import Program
from tests.cluster.progress import Progress, spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


def run_step(
    what: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str],
    progress: Progress,
    folder: Path | None = None,
    how_far: Callable[[Path], str] | None = None,
) -> float:
    """Run a command to its end, and return how many seconds that took.

    Args:
        what: Ends the sentence "building ... failed", and begins the lines of progress.
        command: The program and its arguments.
        log: Its output is appended here.
        environment: Its whole environment.
        progress: Hears that it still runs.
        folder: Its working folder.
        how_far: Says of the log how far it is.

    Raises:
        ToolUnavailableError: It failed; the message ends with its last words, and where all of them are.
    """
    started = time.monotonic()
    running = Program("the build", command, log=log, folder=folder, environment=environment)
    try:
        while (code := running.wait(0.1)) is None:
            state = f", {how_far(log)}" if how_far else ""
            progress.passing(f"{what}: {spoken(time.monotonic() - started)}{state}")
    finally:
        running.stop()
    if code != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() or ["no output"]
        raise ToolUnavailableError(f"building {what} failed: {lines[-1].strip()} (all of the output: {log})")
    return time.monotonic() - started


def packages_compiled(log: Path) -> str:
    """How far `go build -v` is, which writes a line for each package when it is compiled."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    downloads = sum(line.startswith("go: downloading ") for line in lines)
    return f"{downloads} modules downloaded, {len(lines) - downloads} packages compiled"
