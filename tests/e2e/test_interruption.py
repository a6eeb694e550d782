"""Nothing is left of a node whose run is interrupted, however that happens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.node import cgroups
from tests.cluster.node.images import BUSYBOX, TREE, program_image
from tests.cluster.node.runs import sweep
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.node.kit import Kit

pytestmark = pytest.mark.timeout(300)

_LAUNCH = """
import sys
from pathlib import Path
from tests.cluster.node.kit import Kit
from tests.cluster.node.launch import launch
runs, *command = sys.argv[1:]
sys.exit(launch(command, gathered=Kit.read(Path(runs, "kit.json")), runs=Path(runs)))
"""
# The overlay of the node around this one, if there is one: a kernel stacks two of them and no more.
_WITHOUT_OVERLAY = ("sh", "-c", 'umount --lazy /var/lib 2>/dev/null; exec "$@"', "sh")
_PARTS = {"etcd", "kube-apiserver", "kube-controller", "kube-scheduler", "kube-proxy", "kubelet"}
_OF_PODS = {"containerd", "containerd-shim", "coredns"}


@contextmanager
def _launched(kit: Kit, runs: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Start a node with a command that does not end; give the process, and the folder of the run."""
    of_a_node = {name: kit.images[name] for name in (BUSYBOX, program_image("coredns"))}
    runs.mkdir(exist_ok=True)
    replace(kit, images=of_a_node).write(runs / "kit.json")
    command = [*_WITHOUT_OVERLAY, sys.executable, "-m", "tests.cluster.node", "sleep", "86400"]
    said = runs / "said"
    with said.open("wb") as output:
        started = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, runs, *command], cwd=TREE, stderr=output, start_new_session=True
        )
    try:
        wait_until(
            lambda: "the node is ready" in said.read_text() or started.poll() is not None,
            what="the node",
            within_seconds=120,
        )
        assert started.poll() is None, said.read_text()
        (run,) = (line for line in said.read_text().splitlines() if line.startswith("logs: "))
        yield started, Path(run.removeprefix("logs: "))
    finally:
        started.kill()
        started.wait()


def _processes() -> dict[int, tuple[int, str, str]]:
    """All that run, by id, each with its parent, its name and when it was started."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        # A name may have blanks and parentheses in it (proc_pid_stat(5)).
        name, _, rest = text.partition("(")[2].rpartition(") ")
        state, parent, *fields = rest.split()
        if state != "Z":
            found[int(process.name)] = (int(parent), name, fields[17])
    return found


def _below(pid: int) -> set[tuple[int, str, str]]:
    """The processes that come of one: id, name, and when each was started."""
    everybody = _processes()
    found = {pid}
    while more := {each for each, (parent, _, _) in everybody.items() if parent in found} - found:
        found |= more
    return {(each, *everybody[each][1:]) for each in found if each in everybody}


def _mount_points() -> set[str]:
    return {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}


def _links() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_node_whose_run_is_interrupted_leaves_its_logs_and_nothing_else(
    kit: Kit, number: signal.Signals
) -> None:
    mounts, links, runs = _mount_points(), _links(), kit.folder / "interrupted"
    with _launched(kit, runs) as (started, run):
        node = wait_until(
            lambda: processes if _names(processes := _below(started.pid)) >= _PARTS | _OF_PODS else set(),
            what="each part of the node to run",
            within_seconds=60,
        )
        assert cgroups.names(run.name)

        # Ctrl-C reaches everybody in the foreground; the others the one who is told, and nobody else.
        (os.killpg if number is signal.SIGINT else os.kill)(started.pid, number)

        started.wait(60)
        wait_until(lambda: not node & _alive(), what="the end of all processes")
    assert _mount_points() <= mounts
    assert _links() <= links
    # Nobody is left to remove them where the run itself was killed: the next one does.
    assert (run.name in sweep(runs)) is (number is signal.SIGKILL)
    assert cgroups.names(run.name) == set()
    assert (run / "kubelet.log").stat().st_size > 0


def _names(processes: set[tuple[int, str, str]]) -> set[str]:
    return {name for _, name, _ in processes}


def _alive() -> set[tuple[int, str, str]]:
    return {(pid, name, began) for pid, (_, name, began) in _processes().items()}
