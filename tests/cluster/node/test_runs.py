from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.cluster.node import cgroups
from tests.cluster.node.runs import new_run, sweep

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["version 1", "version 2"])
def cgroup_root(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Folders that look like the kernel's control groups."""
    root = tmp_path / "cgroup"
    hierarchies = [root / "cpu", root / "memory"] if request.param == "version 1" else [root]
    for hierarchy in hierarchies:
        hierarchy.mkdir(parents=True)
        (hierarchy / "cgroup.procs").touch()
    if request.param == "version 2":
        (root / "cgroup.controllers").touch()
    return root


def _killed_run(runs: Path, cgroup_root: Path, name: str) -> Path:
    folder = runs / f"pollwatch-node-{name}"
    folder.mkdir(parents=True)
    cgroups.create(folder.name, cgroup_root)
    for group in cgroup_root.rglob(folder.name):
        (group / "kubepods" / "pod").mkdir(parents=True)
    return folder


def _groups(cgroup_root: Path) -> list[Path]:
    return list(cgroup_root.rglob("pollwatch-node-*"))


def test_a_run_that_ends_leaves_its_logs_and_no_control_group(tmp_path: Path, cgroup_root: Path) -> None:
    with new_run(tmp_path / "runs", cgroup_root=cgroup_root) as folder:
        cgroups.create(folder.name, cgroup_root)
        (folder / "kubelet.log").write_text("lines")
        assert _groups(cgroup_root)

    assert _groups(cgroup_root) == []
    assert (folder / "kubelet.log").read_text() == "lines"
    assert sweep(tmp_path / "runs", cgroup_root=cgroup_root) == []


def test_what_a_killed_run_has_left_is_removed_and_said(tmp_path: Path, cgroup_root: Path) -> None:
    killed = _killed_run(tmp_path / "runs", cgroup_root, "1")

    assert sweep(tmp_path / "runs", cgroup_root=cgroup_root) == [killed.name]

    assert _groups(cgroup_root) == []
    assert killed.is_dir()


def test_a_run_that_goes_on_is_left_alone(tmp_path: Path, cgroup_root: Path) -> None:
    with new_run(tmp_path / "runs", cgroup_root=cgroup_root) as folder:
        cgroups.create(folder.name, cgroup_root)

        assert sweep(tmp_path / "runs", cgroup_root=cgroup_root) == []
        assert _groups(cgroup_root)


def test_the_logs_of_the_last_runs_are_kept(tmp_path: Path, cgroup_root: Path) -> None:
    folders = [_killed_run(tmp_path / "runs", cgroup_root, str(number)) for number in range(5)]

    sweep(tmp_path / "runs", cgroup_root=cgroup_root)

    assert [folder.exists() for folder in folders] == [False, False, True, True, True]


def test_sessions_that_begin_at_once_sweep_each_run_once(tmp_path: Path, cgroup_root: Path) -> None:
    for number in range(30):
        _killed_run(tmp_path / "runs", cgroup_root, f"{number:02}")

    with ThreadPoolExecutor() as pool:
        sweeps = [pool.submit(sweep, tmp_path / "runs", cgroup_root=cgroup_root) for _ in range(4)]
        swept = [name for each in sweeps for name in each.result()]

    assert sorted(swept) == [f"pollwatch-node-{number:02}" for number in range(30)]
    assert _groups(cgroup_root) == []
