"""Folders of runs, each with its logs, and what is left of runs that did not end well."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.node import cgroups

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = Path("/tmp/pollwatch-node")
_KEPT = 3
_PREFIX = "pollwatch-node-"


@contextlib.contextmanager
def new_run(runs: Path = RUNS, *, cgroup_root: Path = cgroups.ROOT) -> Iterator[Path]:
    """The folder of a new run, which is ours until the block ends, and stays.

    The control groups that are called like the folder are removed at the end.
    """
    folder = runs / f"{_PREFIX}{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    folder.mkdir(parents=True)
    # A session that sweeps may look at it right now.
    with _claimed(folder, wait=True):
        try:
            yield folder
        finally:
            cgroups.remove(folder.name, cgroup_root)


def sweep(runs: Path = RUNS, *, cgroup_root: Path = cgroups.ROOT) -> list[str]:
    """Remove what runs that were killed have left, and the logs of all but the last runs.

    Returns:
        The names of the runs that were killed.
    """
    killed = []
    folders = sorted(runs.glob(f"{_PREFIX}*"))
    for folder in folders:
        with _claimed(folder) as free:
            if free and folder.name in cgroups.names(folder.name, cgroup_root):
                cgroups.remove(folder.name, cgroup_root)
                killed.append(folder.name)
            if free and folder in folders[:-_KEPT]:
                shutil.rmtree(folder, ignore_errors=True)
    return killed


@contextlib.contextmanager
def _claimed(folder: Path, *, wait: bool = False) -> Iterator[bool]:
    """Whether it is there and no other process has claimed it; the kernel drops a claim with its process."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    except FileNotFoundError:
        # Another session has swept it away meanwhile.
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
