"""Everything before and after a node, outside its namespaces: fetch, build, run, clean up."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tests.cluster.cache import Cache, ToolUnavailableError
from tests.cluster.node.images import ImageBuilder
from tests.cluster.node.isolation import run_isolated
from tests.cluster.node.kit import KIT_VARIABLE, Kit
from tests.cluster.node.packages import install_missing_packages, with_administrators_path
from tests.cluster.node.runs import new_run, sweep
from tests.cluster.programs import NEEDED_BY_A_NODE
from tests.cluster.progress import Progress
from tests.cluster.tools import Toolbox
from tools.bootstrap import INTERRUPTED, cache_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def launch(command: Sequence[str | Path]) -> int:
    """Run a command in namespaces of its own, in which it can start a `OneNode`.

    The command finds the path of its `Kit` in the variable `KIT_VARIABLE`.

    Returns:
        The command's exit code; 1 after one line about what is missing; 130 after Ctrl-C.
    """
    progress = Progress(sys.stderr)
    if os.geteuid() != 0:
        progress.say("a one-node cluster needs root, for namespaces and containers: try it with sudo")
        return 1
    try:
        for name in sweep():
            progress.say(f"removed what {name} has left, which was killed")
        environment = with_administrators_path(os.environ)
        install_missing_packages(environment, progress)
        toolbox = Toolbox(environment, progress)
        programs = {name: toolbox.path(name) for name in NEEDED_BY_A_NODE}
        builder = ImageBuilder(
            cache=Cache(cache_folder(environment)), environment=environment, progress=progress
        )
        images = builder.images(coredns=programs["coredns"])
    except ToolUnavailableError as error:
        progress.say(str(error))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    with new_run() as folder:
        progress.say(f"logs: {folder}")
        kit = folder / "kit.json"
        Kit(name=folder.name, folder=folder, programs=programs, images=images).write(kit)
        return run_isolated(command, environment={**environment, KIT_VARIABLE: str(kit)})
