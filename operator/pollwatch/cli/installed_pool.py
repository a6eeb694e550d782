"""The file with the pool that comes with an installation."""

import io
from pathlib import Path

import click

from pollwatch.api.load import load
from pollwatch.control.settings import InstalledPool


def read_installed_pool(file: Path, *, name: str, owner: str | None) -> InstalledPool:
    """Read the pool of a file.

    Args:
        file: holds one ProbePool.
        name: what the pool must be called: what Checks that name none use.
        owner: the ClusterRole with which it is to go.

    Raises:
        click.UsageError: it does not hold one, or the pool is not valid; all that is wrong, a line each.
    """
    loaded = load([str(file)], stdin=io.BytesIO())
    problems = [str(problem) for problem in loaded.problems]
    if not problems and (len(loaded.pools), len(loaded.checks)) != (1, 0):
        problems = [f"{file}: must hold one ProbePool and no Check"]
    if not problems and loaded.pools[0].pool.name != name:
        found = loaded.pools[0]
        wrong = f"the pool is {found.pool.name}, but Checks that name none use {name}"
        problems = [f"{found.place}: {wrong}: rename it, or set --default-pool"]
    if problems:
        raise click.UsageError("--default-pool-file: " + "\n".join(problems))
    return InstalledPool(document=loaded.pools[0].place.root.plain(), owner=owner)
