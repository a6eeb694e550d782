"""Everything before and after a node, outside its namespaces: fetch, build, run, clean up."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.cluster.cache import Cache, ToolUnavailableError
from tests.cluster.grafana_build import GRAFANA
from tests.cluster.node.images import (
    BUSYBOX,
    TREE,
    ImageBuilder,
    product_digests,
    product_image,
    program_image,
)
from tests.cluster.node.isolation import run_isolated
from tests.cluster.node.kit import KIT_VARIABLE, Kit
from tests.cluster.node.packages import install_missing_packages, with_administrators_path
from tests.cluster.node.runs import RUNS, new_run, sweep
from tests.cluster.programs import IN_A_CLUSTER, NEEDED_BY_A_NODE
from tests.cluster.progress import Progress
from tests.cluster.sources import CRDS
from tests.cluster.tools import Toolbox
from tools.bootstrap import INTERRUPTED, cache_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def launch(
    command: Sequence[str | Path],
    *,
    monitoring: bool = False,
    gathered: Kit | None = None,
    runs: Path = RUNS,
) -> int:
    """Run a command in namespaces of its own, in which it can start a `OneNode`.

    The command finds the path of its `Kit` in the variable `KIT_VARIABLE`.

    Args:
        command: The program and its arguments.
        monitoring: Have Helm, Prometheus, Alertmanager, Grafana and their operators in the kit, too.
        gathered: The kit of another run, to begin at once with what is in it.
        runs: Where the folder of the run is to be, among those of earlier ones.

    Returns:
        The command's exit code; 1 after one line about what is missing; 130 after Ctrl-C.
    """
    progress = Progress(sys.stderr)
    if os.geteuid() != 0:
        progress.say("a one-node cluster needs root, for namespaces and containers: try it with sudo")
        return 1
    try:
        for name in sweep(runs):
            progress.say(f"removed what {name} has left, which was killed")
        environment = with_administrators_path(os.environ)
        install_missing_packages(environment, progress)
        with new_run(runs) as folder:
            progress.say(f"logs: {folder}")
            kit = folder / "kit.json"
            made = gathered or _gather(folder, environment, progress, monitoring=monitoring)
            replace(made, name=folder.name, folder=folder).write(kit)
            return run_isolated(command, environment={**environment, KIT_VARIABLE: str(kit)})
    except ToolUnavailableError as error:
        progress.say(str(error))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _gather(folder: Path, environment: Mapping[str, str], progress: Progress, *, monitoring: bool) -> Kit:
    toolbox = Toolbox(environment, progress)
    builder = ImageBuilder(cache=Cache(cache_folder(environment)), environment=environment, progress=progress)
    in_pods = ("coredns", *(IN_A_CLUSTER if monitoring else ()))
    others = ("helm", GRAFANA) if monitoring else ()
    # One after the other: a compiler takes all processors.
    names = dict.fromkeys((*NEEDED_BY_A_NODE, *in_pods, *others))
    programs = {name: toolbox.path(name) for name in names}
    sources = product_digests(TREE)
    images = {BUSYBOX: builder.busybox(), product_image(): builder.product()}
    for name in in_pods:
        images[program_image(name)] = builder.of_program(programs[name])
    crds = {name: toolbox.api_files().crds(name) for name in CRDS} if monitoring else {}
    return Kit(name=folder.name, folder=folder, programs=programs, images=images, crds=crds, sources=sources)
