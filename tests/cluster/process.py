"""Programs that run beside the tests: started, watched, stopped by their id, never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

# Reads one line and is gone; if its input ends without one, our process died without stopping
# the group $1, and this does it instead.
_GUARD = 'read -r _ || { kill -TERM "-$1"; sleep 5; kill -KILL "-$1"; } 2>/dev/null'


class ProgramError(RuntimeError):
    """A program ended, or was not ready in time; the message ends with its last lines of output."""


class Program:
    """One running program, its output in a file.

    It leads a process group of its own, so that Ctrl-C reaches only the tests, which then stop
    their servers in order. A guard (a shell waiting on a pipe) stops the group when the process
    that started it dies in any way, `kill -9` too: a death signal from `prctl` would be tied to
    the thread that started the program, and exists on Linux only.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        Args:
            name: What messages call it.
            argv: The program and its arguments.
            log: Its output is appended here, both streams.
            folder: Its working folder; by default ours.
            environment: Its whole environment; by default ours.
        """
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", str(self._process.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process id, which is the id of its process group too."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Its exit code (negative: the signal that ended it), or None while it runs."""
        code = self._process.poll()
        if code is not None:
            self._dismiss_guard()
        return code

    def wait(self, timeout_seconds: float) -> int | None:
        """Wait for its end that long at most, then as `exit_code`."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_seconds)
        return self.exit_code()

    def wait_until_ready(self, ready: Callable[[], bool], *, within_seconds: float) -> None:
        """Wait until `ready` is true.

        Raises:
            ProgramError: It ended instead, or `ready` was still false at the deadline.
        """
        deadline = time.monotonic() + within_seconds
        while not ready():
            if (code := self.exit_code()) is not None:
                raise ProgramError(
                    f"{self.name} ended with exit code {code} before it was ready; {self._last_words()}"
                )
            if time.monotonic() >= deadline:
                raise ProgramError(
                    f"{self.name} was not ready after {within_seconds:g} seconds; {self._last_words()}"
                )
            time.sleep(0.02)

    def stop(self, *, grace_seconds: float = 10.0) -> int:
        """End it: SIGTERM, and SIGKILL for what is left of its group after the grace.

        Returns:
            Its exit code, as `exit_code`.
        """
        self._signal(signal.SIGTERM)
        if self.wait(grace_seconds) is None:
            self.kill()
        return self._process.wait()

    def terminate(self) -> None:
        """Tell it to end (SIGTERM), and wait for nothing."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._dismiss_guard()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _dismiss_guard(self) -> None:
        if self._guard.poll() is None:
            self._guard.communicate(b"\n")

    def _last_words(self, lines: int = 15) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return f"the end of {self.log}:\n" + "\n".join(text.splitlines()[-lines:])
