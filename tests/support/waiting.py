"""Wait for something that no event tells of."""

import asyncio
from collections.abc import Callable

DEADLINE = 60.0
"""Seconds after which a test gives up waiting."""


async def until(condition: Callable[[], object], what: str) -> None:
    """Return when the condition holds; `what` ends the sentence "waited in vain for ..."."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not condition():  # noqa: ASYNC110 -- any condition
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"waited in vain for {what}") from None
