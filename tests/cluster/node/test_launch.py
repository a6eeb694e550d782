from __future__ import annotations

import io
import os
import socket
from typing import TYPE_CHECKING

import pytest

from tests.cluster.cache import ToolUnavailableError
from tests.cluster.node.kit import Kit
from tests.cluster.node.launch import launch
from tests.cluster.node.network import NotIsolatedError, bring_up
from tests.cluster.node.packages import install_missing_packages
from tests.cluster.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path


def test_without_root_one_line_says_that_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert launch(["true"]) == 1

    assert capsys.readouterr().err == (
        "a one-node cluster needs root, for namespaces and containers: try it with sudo\n"
    )


def test_packages_that_cannot_be_installed_are_named(tmp_path: Path) -> None:
    with pytest.raises(ToolUnavailableError, match=r"there is no apt-get: buildah containerd "):
        install_missing_packages({"PATH": str(tmp_path)}, Progress(io.StringIO()))


def test_a_kit_is_read_as_it_was_written(tmp_path: Path) -> None:
    kit = Kit(
        name="run-1",
        folder=tmp_path,
        programs={"kubelet": tmp_path / "kubelet"},
        images={"localhost/busybox:1": tmp_path / "image.tar"},
        crds={"gateway-api": tmp_path / "crds"},
        sources={"Dockerfile": "0" * 64},
    )
    kit.write(tmp_path / "kit.json")

    assert Kit.read(tmp_path / "kit.json") == kit


def test_a_node_is_not_started_in_the_network_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])

    with pytest.raises(NotIsolatedError, match="this one has eth0, lo: start it with `make e2e`"):
        bring_up()
