"""The connections of an asyncio stream server, none of which is left behind."""

import asyncio
from collections.abc import Awaitable, Callable

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Connections:
    """What `asyncio.start_server` calls; runs a handler in a task for each connection.

    A function and no coroutine, so that a connection is known from its first moment: asyncio makes a
    task of a coroutine, and who cancels that before it begins leaves the connection open.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        task = asyncio.get_running_loop().create_task(self._handle(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.transport.abort() if writer.is_closing() else writer.close())

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._handler(reader, writer)

    async def close(self, listener: asyncio.Server) -> None:
        """Listen no more, and end every connection."""
        # What a selector has accepted when its server closes is left open (CPython: `Server._attach`):
        # accept nothing more, and give it the two turns that it needs to come here.
        for listening in listener.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(2):
            await asyncio.sleep(0)
        listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # In one, what is told that the tasks are done closes the connections; in one, their sockets go.
        for _ in range(2):
            await asyncio.sleep(0)
        await listener.wait_closed()
