"""A server in a test: a program that says in its log where it listens, and answers over HTTP."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

import httpx

from tests.cluster.process import Program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType


class Server:
    """One server process. It chooses a free port itself, so that there is no race for one.

    Attributes:
        url: `http://ADDRESS:PORT`, known once it has started.
        log: Its output.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        folder: Path,
        listening: str,
        environment: Mapping[str, str] | None = None,
        ready_seconds: float = 60.0,
    ) -> None:
        """Prepare one; nothing runs before `start`.

        Args:
            name: What messages call it.
            argv: The program and its arguments.
            folder: Its working folder, for the log `NAME.log`, too.
            listening: A regular expression for what its log says of `ADDRESS:PORT`, which is the one group.
            environment: Its whole environment; by default ours.
            ready_seconds: How long it may take to be ready.
        """
        self.url = ""
        self._name = name
        self._argv = argv
        self._folder = folder
        self.log = folder / f"{name}.log"
        self._listening = re.compile(listening)
        self._environment = environment
        self._ready_seconds = ready_seconds
        self._program: Program | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and return when it is ready.

        Raises:
            ProgramError: It ended (a fault in what it was given), or was not ready in time; the message has
                the end of its log.
        """
        self._program = Program(
            self._name, self._argv, log=self.log, folder=self._folder, environment=self._environment
        )
        try:
            self._program.wait_until_ready(self._is_ready, within_seconds=self._ready_seconds)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it. What is in its folder stays."""
        if self._program is not None:
            self._program.stop()
            self._program = None

    def _is_ready(self) -> bool:
        listening = self._listening.search(self.log.read_text(encoding="utf-8", errors="replace"))
        if listening is None:
            return False
        self.url = f"http://{listening[1]}"
        try:
            return self._answers()
        except httpx.TransportError:
            return False

    def _answers(self) -> bool:
        """Whether it answers as it does when it is ready; asked once it listens."""
        return httpx.get(f"{self.url}/-/ready", trust_env=False).is_success
