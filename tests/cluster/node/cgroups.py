"""The control groups of a node: one folder a run in each hierarchy, removed with all below it."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_REMOVAL_SECONDS = 10.0


def create(name: str, root: Path = ROOT) -> None:
    """Make a control group in every hierarchy: the one of version 2, or each controller's of version 1."""
    for hierarchy in _hierarchies(root):
        folder = hierarchy / name
        folder.mkdir(exist_ok=True)
        if (folder / "cpuset.cpus").exists() and hierarchy != root:
            # A new group of version 1 has no processors and no memory nodes until it is given some.
            for file in ("cpuset.cpus", "cpuset.mems"):
                (folder / file).write_text((hierarchy / file).read_text())


def remove(name: str, root: Path = ROOT) -> None:
    """Remove a control group and those below it, once their processes are gone.

    Raises:
        OSError: A process is still in one of them.
    """
    deadline = time.monotonic() + _REMOVAL_SECONDS
    for hierarchy in _hierarchies(root):
        while True:
            try:
                _remove_tree(hierarchy / name)
                break
            except OSError:
                # A process that was killed leaves its group a moment later.
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.05)


def names(prefix: str, root: Path = ROOT) -> set[str]:
    """The names of the control groups that begin so, in any hierarchy."""
    return {folder.name for hierarchy in _hierarchies(root) for folder in hierarchy.glob(f"{prefix}*")}


def _hierarchies(root: Path) -> list[Path]:
    if (root / "cgroup.controllers").exists():
        return [root]
    return [folder for folder in sorted(root.iterdir()) if (folder / "cgroup.procs").exists()]


def _remove_tree(folder: Path) -> None:
    # The files in it are the kernel's, and go with it.
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(FileNotFoundError):
            Path(path).rmdir()
