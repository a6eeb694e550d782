"""What happens in the night, as data: at which second, what is said, and what it does to the world.

The times of day are those of the east coast, the evening of Tuesday, 8 November 2016.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from demo.website import Answer
from demo.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One turn of the story."""

    at: float
    """Seconds from the start of the story, at its ordinary speed."""
    says: str
    happens: Callable[[World], None]


def quiet(world: World) -> None:
    """Everything is well."""
    for site in world.sites:
        site.mend()
        site.latency = 0.03


def busier(world: World) -> None:
    """More visitors than usual: both sites slow down."""
    world.immigration.latency = 0.09
    world.cape_breton.latency = 0.06


def one_fails(world: World) -> None:
    """The last server of the immigration site answers 500."""
    world.immigration.latency = 0.14
    world.immigration.break_server(world.immigration.addresses[-1])


def politely(world: World) -> None:
    """A second server shows the error page with status 200; where there are only two, the one that failed."""
    addresses = world.immigration.addresses
    world.immigration.break_server(addresses[-2 if len(addresses) > 2 else -1], Answer.POLITE_ERROR)


def all_fail(world: World) -> None:
    """Every server of the immigration site fails, one of them without a word."""
    for address in world.immigration.addresses:
        world.immigration.break_server(address)
    world.immigration.break_server(world.immigration.addresses[0], Answer.SILENT)
    world.cape_breton.latency = 0.12


def half_is_back(world: World) -> None:
    """The first half of the servers is restored."""
    addresses = world.immigration.addresses
    world.immigration.latency = 0.08
    world.immigration.mend(*addresses[: (len(addresses) + 1) // 2])


def restored(world: World) -> None:
    """The immigration site is well; Cape Breton stays in demand."""
    world.immigration.mend()
    world.immigration.latency = 0.04


ELECTION_NIGHT: Sequence[Scene] = (
    Scene(
        at=0,
        says="19:00  All is well. 17,000 people visit the immigration site on such a day.",
        happens=quiet,
    ),
    Scene(at=11, says="20:30  The first states are called. People begin to look around.", happens=busier),
    Scene(
        at=20, says="22:10  One server answers '500 - Internal server error'. Some see it.", happens=one_fails
    ),
    Scene(
        at=36,
        says="22:50  The error page comes with status 200 now, too: only the body tells.",
        happens=politely,
    ),
    Scene(at=48, says="23:30  200,000 visitors. The whole site is down.", happens=all_fail),
    Scene(at=63, says="00:40  Half of the servers are back. Nobody says a word.", happens=half_is_back),
    Scene(at=74, says="02:00  Restored, as silently.", happens=restored),
)
LENGTH = 86.0
"""Seconds from the first scene to the end of the story, at its ordinary speed."""


async def tell(
    world: World,
    say: Callable[[str], None],
    *,
    speed: float = 1.0,
    scenes: Sequence[Scene] = ELECTION_NIGHT,
    length: float = LENGTH,
) -> None:
    """Play the scenes in `world` and say each as it begins.

    Args:
        world: The sites, open.
        say: Takes one line of narration.
        speed: How many times faster than ordinary.
        scenes: In the order of their times.
        length: Seconds until the story ends.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def until(seconds: float) -> None:
        await asyncio.sleep(max(0.0, began + seconds / speed - loop.time()))

    for scene in scenes:
        await until(scene.at)
        say(scene.says)
        scene.happens(world)
    await until(length)
