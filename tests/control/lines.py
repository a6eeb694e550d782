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
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Forward nothing any more, in connections that there are and in those that come."""
        self._whole.clear()

    def mend(self) -> None:
        """Forward again."""
        self._whole.set()

    def break_off(self) -> None:
        """Reset all connections that there are."""
        for writer in self._writers:
            writer.transport.abort()

    async def join(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Forward both ways, until one side is done."""
        writers = {near[1], far[1]}
        self._writers |= writers
        tasks = [
            asyncio.create_task(self._forward(near[0], far[1])),
            asyncio.create_task(self._forward(far[0], near[1])),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers -= writers
            far[1].transport.abort()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._whole.wait()
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def line_to(host: str, port: int) -> AsyncIterator[Line]:
    """A line on a port of its own."""
    line = Line()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far = await asyncio.open_connection(host, port)
        await line.join((reader, writer), far)

    async with serve(handle) as server:
        line.port = server.port
        yield line
