"""One replica of the operator's Deployment: a process that is started again whenever it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.chaos.clocks import SteppedClock
from tests.cluster.process import Program
from tests.control.operators import POLLWATCH, POOLED, RunningOperator

if TYPE_CHECKING:
    from pathlib import Path

_RESTART_AFTER = 1.0
"""Seconds from the end of a process to the start of the next."""


class OperatorSlot:
    """A replica, and its clock.

    Attributes:
        clock: The wall clock that it has.
        starts: How often a process was started.
    """

    def __init__(
        self, name: str, kubeconfig: Path, folder: Path, *arguments: str, library: Path | None
    ) -> None:
        self.name = name
        self.clock = SteppedClock(folder / f"{name}.clock", library)
        self.starts = 0
        self._arguments = (f"--kubeconfig={kubeconfig}", *arguments)
        self._folder = folder
        self._program: Program | None = None
        self._not_before = 0.0

    def tend(self, environment: dict[str, str]) -> None:
        """Start it where it does not run."""
        program = self._program
        if program is not None:
            if program.exit_code() is None:
                return
            self._program, self._not_before = None, time.monotonic() + _RESTART_AFTER
        if time.monotonic() < self._not_before:
            return
        self.starts += 1
        self._program = Program(
            self.name,
            [POLLWATCH, "operator", *POOLED, "--listen=127.0.0.1:0", *self._arguments],
            log=self._folder / f"{self.name}-{self.starts}.log",
            environment=environment | self.clock.environment,
        )

    def leads(self) -> bool:
        """Whether it leads; not while it starts."""
        program = self._program
        if program is None or program.exit_code() is not None:
            return False
        if '"operator started"' not in program.log.read_text(encoding="utf-8"):
            return False
        return RunningOperator(program).leads()

    def kill(self) -> None:
        """Crash it."""
        if self._program is not None:
            self._program.kill()

    def stop(self) -> None:
        """End it for good."""
        if self._program is not None:
            self._program.stop(grace_seconds=30)
