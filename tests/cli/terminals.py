"""A terminal (pty) for a command, and what a person would see on it."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cli.commands import DEADLINE, ENVIRONMENT

CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HOME = "\x1b[H"
"""What each drawing of the screen begins with."""


class Terminal:
    """A command on a terminal of a size; used as an async context manager."""

    def __init__(self, *arguments: str | Path, columns: int, lines: int) -> None:
        self._arguments = tuple(map(str, arguments))
        self._master, self._slave = pty.openpty()
        self._process: asyncio.subprocess.Process | None = None
        self._came = asyncio.Event()
        self.received = ""
        """All that the terminal got so far."""
        self.resize(columns, lines)

    async def __aenter__(self) -> Self:
        """Start the command."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *self._arguments),
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={name: value for name, value in ENVIRONMENT.items() if name not in {"COLUMNS", "LINES"}},
        )
        os.close(self._slave)
        os.set_blocking(self._master, False)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the command, if it has not ended."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the terminal."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def screen(self) -> list[str]:
        """The lines of the last whole drawing, without colours."""
        drawings = self.received.split(HOME)
        return CONTROLS.sub("", drawings[-2] if len(drawings) > 1 else "").replace("\r", "").split("\n")

    async def shows(self, *parts: str) -> list[str]:
        """Wait until one line of the screen holds all of `parts`, and give the screen."""
        try:
            async with asyncio.timeout(DEADLINE):
                while not any(all(part in line for part in parts) for line in self.screen()):
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise AssertionError(
                f"{parts} never came; the screen was:\n" + "\n".join(self.screen())
            ) from None
        return self.screen()

    async def fits(self, columns: int, lines: int) -> list[str]:
        """Wait until the screen is no larger than that, and give it."""
        try:
            async with asyncio.timeout(DEADLINE):
                while len(screen := self.screen()) > lines or max(map(len, screen)) > columns:
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise AssertionError(
                f"more than {lines} lines or {columns} columns:\n" + "\n".join(self.screen())
            ) from None
        return screen

    async def end(self) -> int:
        """Press Ctrl-C, wait for the end, and give the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        async with asyncio.timeout(DEADLINE):
            code = await self._process.wait()
        self._read()
        return code

    def _read(self) -> None:
        try:
            while data := os.read(self._master, 65536):
                self.received += data.decode(errors="replace")
        except OSError:  # nothing more for now, or (EIO) the command closed the terminal
            pass
        self._came.set()
