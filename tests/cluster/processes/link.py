"""The network between a Pod and everyone else, which can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from tests.support.connections import Connections


class Link:
    """Carries TCP connections to a Pod's address on to its process, until it is cut.

    While it is cut nothing arrives and nothing comes back, and nobody is told: connections are
    taken by the kernel and never answered, those that were open hang. When it is mended, what
    hung is reset, as a host resets what it does not remember.
    """

    def __init__(self, address: tuple[str, int], to: tuple[str, int]) -> None:
        """Prepare one.

        Args:
            address: Where others connect to.
            to: Where the process listens.
        """
        self._address = address
        self._to = to
        self._whole = asyncio.Event()
        self._whole.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections = Connections(self._carry)

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(
            self._connections, *self._address, family=socket.AF_INET, backlog=256
        )

    async def close(self) -> None:
        """Cut all connections, and listen no more."""
        if self._server is not None:
            await self._connections.close(self._server)

    def cut(self) -> None:
        """Let nothing through from now on."""
        self._whole.clear()

    def mend(self) -> None:
        """Let new connections through again."""
        if not self._whole.is_set():
            self._whole.set()
            for writer in list(self._writers):
                writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._whole.wait()
                to_reader, to_writer = await asyncio.open_connection(*self._to)
                self._writers.add(to_writer)
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._pump(reader, to_writer))
                        group.create_task(self._pump(to_reader, writer))
                finally:
                    self._writers.discard(to_writer)
                    to_writer.transport.abort()
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
