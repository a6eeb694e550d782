"""Runs the real `pollwatch` command beside a test."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

DEADLINE = 60.0
"""Seconds after which a test gives up waiting."""
ENVIRONMENT = {**os.environ, "COLUMNS": "", "PYTHONWARNINGS": "error", "TERM": "xterm-256color"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a command ended."""

    code: int | None
    out: str
    err: str


async def pollwatch(*arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> Finished:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pollwatch",
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=ENVIRONMENT,
        cwd=cwd,
    )
    async with _not_left_behind(process), asyncio.timeout(DEADLINE):
        out, err = await process.communicate(stdin)
    return Finished(code=process.returncode, out=out.decode(), err=err.decode())


class Running:
    """A command that runs until the test ends it; used as an async context manager."""

    def __init__(
        self, *arguments: str | Path, module: str = "pollwatch", env: Mapping[str, str] | None = None
    ) -> None:
        self._arguments = ("-m", module, *map(str, arguments))
        self._env = {**ENVIRONMENT, **(env or {})}
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._came = asyncio.Event()
        self.out: list[str] = []
        """Lines of standard output so far."""
        self.err: list[str] = []
        """Lines of standard error so far."""

    async def __aenter__(self) -> Self:
        """Start the command."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._env,
        )
        self._process = process
        for stream, lines in ((process.stdout, self.out), (process.stderr, self.err)):
            assert stream is not None
            self._readers.append(asyncio.create_task(self._read(stream, lines)))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the command, if it has not ended."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await asyncio.gather(*self._readers)

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The command, started."""
        assert self._process is not None
        return self._process

    async def line(self, *parts: str) -> str:
        """Wait for a line of either stream that holds all of `parts`, and give it."""
        return await self.until(lambda line: all(part in line for part in parts), " and ".join(parts))

    async def until(self, wanted: Callable[[str], bool], name: str) -> str:
        """Wait for a line that is wanted, and give it."""
        try:
            async with asyncio.timeout(DEADLINE):
                while True:
                    self._came.clear()
                    for line in (*self.out, *self.err):
                        if wanted(line):
                            return line
                    await self._came.wait()
        except TimeoutError:
            said = "\n".join((*self.out, *self.err))
            raise AssertionError(f"no line with {name} came; what came:\n{said}") from None

    async def end(self, number: signal.Signals | None = signal.SIGINT) -> int:
        """Send a signal, if any, wait for the end, and give the exit code."""
        if number is not None:
            self.process.send_signal(number)
        async with asyncio.timeout(DEADLINE):
            code = await self.process.wait()
            await asyncio.gather(*self._readers)
        return code

    async def _read(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        async for line in stream:
            lines.append(line.decode().rstrip("\n"))
            self._came.set()


@contextlib.asynccontextmanager
async def _not_left_behind(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
