"""A line to a server that a test can cut: what is sent while it is cut waits, nothing is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.sites import serve


class Line:
    """Forwards bytes between clients and one server."""

    def __init__(self) -> None:
        self.port = 0
        self._whole = asyncio.Event()
        self._whole.set()

    def cut(self) -> None:
        """Forward nothing any more, in connections that there are and in those that come."""
        self._whole.clear()

    def mend(self) -> None:
        """Forward again."""
        self._whole.set()

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes, until the sender is done."""
        while data := await reader.read(65536):
            await self._whole.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def line_to(host: str, port: int) -> AsyncIterator[Line]:
    """A line on a port of its own."""
    line = Line()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(line.forward(reader, far_writer))
                group.create_task(line.forward(far_reader, writer))
        except* OSError:
            pass
        finally:
            far_writer.transport.abort()

    async with serve(handle) as server:
        line.port = server.port
        yield line
