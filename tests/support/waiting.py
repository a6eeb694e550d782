"""Wait for something that no event tells of."""

import asyncio
from collections.abc import Awaitable, Callable

DEADLINE = 60.0
"""Seconds after which a test gives up waiting."""


async def until(condition: Callable[[], object], what: str) -> None:
    """Return when the condition holds; `what` ends the sentence "waited in vain for ..."."""

    async def holds() -> object:
        return condition()

    await until_async(holds, what)


async def until_async(condition: Callable[[], Awaitable[object]], what: str) -> None:
    """Do the same where one has to wait to know whether it holds."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not await condition():  # noqa: ASYNC110 -- any condition
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"waited in vain for {what}") from None
