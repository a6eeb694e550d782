"""An event loop in a thread of its own, for what must not wait for its turn among everything else."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")

CLOSING = 0.25
"""Seconds for connections to be closed: with TLS that takes a few more turns of the event loop
(https://docs.aiohttp.org/en/stable/client_advanced.html#graceful-shutdown)."""


@asynccontextmanager
async def side_loop(name: str) -> AsyncIterator[asyncio.AbstractEventLoop]:
    """Have another event loop turn, in a thread of this name, as long as the block lasts."""
    loop = asyncio.new_event_loop()

    def turn() -> None:
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(asyncio.sleep(CLOSING))
            loop.close()

    thread = threading.Thread(target=turn, name=name, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join)


async def run_in(loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in another event loop, and return what it returned, or raise what it raised.

    When this is cancelled, the coroutine is; and this returns no sooner than that has ended.
    """
    here = asyncio.get_running_loop()
    ended = here.create_future()
    tasks: list[asyncio.Task[T]] = []

    def begin() -> None:
        task = loop.create_task(work())
        task.add_done_callback(lambda _: here.call_soon_threadsafe(ended.set_result, None))
        tasks.append(task)

    def end() -> None:
        tasks[0].cancel()

    loop.call_soon_threadsafe(begin)
    try:
        await asyncio.shield(ended)
    except asyncio.CancelledError:
        loop.call_soon_threadsafe(end)
        while not ended.done():
            # To be told again changes nothing: it is ending.
            with suppress(asyncio.CancelledError):
                await asyncio.wait([ended])
        if not tasks[0].cancelled():
            tasks[0].result()
        raise
    return tasks[0].result()
