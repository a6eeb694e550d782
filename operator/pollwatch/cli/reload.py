"""Follows the files of a run: a good edit takes effect, a bad one is told and changes nothing."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import Change, awatch

from pollwatch.api.files import SUFFIXES
from pollwatch.cli.display.words import count
from pollwatch.cli.embedded import Embedded
from pollwatch.cli.sources import Sources
from pollwatch.plan.checks import Plan

DEBOUNCE = 400
"""Milliseconds of changes that are taken together at most."""


async def follow(sources: Sources, run: Embedded) -> None:
    """Apply what the files say, each time they change, until the run ends."""
    changed = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch(sources, changed.set, run))
        said: tuple[str, ...] = ()
        while True:
            await changed.wait()
            changed.clear()
            # In a thread: 10,000 Checks take seconds to read, and probes must not wait.
            reading = await asyncio.to_thread(sources.read_again)
            problems = tuple(map(str, reading.problems))
            if problems and problems != said:
                for problem in problems:
                    run.note(problem, problem=True)
                run.note(f"going on with the {count(len(run.plan.checks), 'Check')} as before", problem=True)
            elif not problems and (difference := compared(run.plan, reading.plan)):
                run.apply(reading.plan)
                run.note(f"reloaded: {difference}")
            elif not problems and said:
                run.note("the files are as they were before")
            said = problems


def compared(before: Plan, after: Plan) -> str:
    """Say in a few words what differs between two plans; nothing if nothing does."""
    old = {check.key: check for check in before.checks}
    new = {check.key: check for check in after.checks}
    numbers = {
        "added": len(new.keys() - old.keys()),
        "changed": sum(old[key] != new[key] for key in old.keys() & new.keys()),
        "removed": len(old.keys() - new.keys()),
    }
    return ", ".join(f"{count(number, 'Check')} {what}" for what, number in numbers.items() if number)


async def watch(sources: Sources, changed: Callable[[], None], run: Embedded) -> None:
    """Call `changed` when something happens to the sources, until the run ends."""
    folders = [path for path in sources.on_disk if path.is_dir()]
    # Editors replace a file by another one: it is its folder that tells.
    files = frozenset(path.absolute() for path in sources.on_disk if not path.is_dir())

    async def notice(places: Iterable[Path], concerns: Callable[[Path], bool], *, recursive: bool) -> None:
        def watch_filter(change: Change, path: str) -> bool:
            del change
            return concerns(Path(path))

        changes = awatch(
            *places, watch_filter=watch_filter, recursive=recursive, debounce=DEBOUNCE, stop_event=run.ended
        )
        async for _ in changes:
            changed()

    try:
        async with asyncio.TaskGroup() as tasks:
            if folders:
                # A path without a suffix may be a folder that came or went.
                tasks.create_task(
                    notice(folders, lambda path: path.suffix in {*SUFFIXES, ""}, recursive=True)
                )
            if files:
                parents = {file.parent for file in files}
                tasks.create_task(notice(parents, files.__contains__, recursive=False))
            if sources.secrets_dir is not None:
                tasks.create_task(notice([sources.secrets_dir], lambda _: True, recursive=True))
    except* OSError as errors:
        run.note(f"changes of the files will not be noticed: {errors.exceptions[0]}", problem=True)
