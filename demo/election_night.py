"""`make run`: a small world on loopback, a night that goes wrong, and Pollwatch watching it.

The world and its story run beside `pollwatch run` in one process: what is narrated stands among the
transitions that it causes.
"""

import io
import tempfile
from pathlib import Path

import click
import uvloop

from demo.story import tell
from demo.website import PortTakenError
from demo.world import World
from pollwatch.cli.embedded import Embedded
from pollwatch.cli.errors import BadInputError, one_line_errors
from pollwatch.cli.run import Settings, first_reading, probe
from pollwatch.cli.sources import Sources

CHECKS = Path(__file__).parents[1] / "manifests/samples/election-night"


@click.command
@click.option("--forever", is_flag=True, help="Begin anew when the story ends.")
@click.option("--speed", type=click.FloatRange(min=0.1), default=1.0, help="Tell it so many times faster.")
@click.option("--listen", metavar="HOST:PORT", help="Serve /metrics there.")
def main(*, forever: bool, speed: float, listen: str | None) -> None:
    """Watch an election night: a site that fails for some people, and then for all."""
    with one_line_errors():
        uvloop.run(night(forever=forever, speed=speed, listen=listen))


async def night(*, forever: bool, speed: float, listen: str | None) -> None:
    """Open the world, watch it and tell the story.

    Raises:
        BadInputError: A port of the world is taken.
        ListenError: The address for the metrics cannot be had.
    """
    world = World()

    async def story(run: Embedded) -> None:
        await tell(world, run.note, speed=speed)
        while forever:
            run.note("Once more, from the start.")
            await tell(world, run.note, speed=speed)

    with tempfile.TemporaryDirectory(prefix="pollwatch-") as folder:
        hosts = Path(folder) / "hosts"
        hosts.write_text(world.hosts())
        sources = Sources([str(CHECKS)], secrets_dir=None, stdin=io.BytesIO())
        settings = Settings(listen=listen, hosts=hosts)
        try:
            async with world:
                await probe(sources, first_reading(sources), settings, story=story)
        except PortTakenError as error:
            raise BadInputError([str(error)]) from error


if __name__ == "__main__":
    main()
