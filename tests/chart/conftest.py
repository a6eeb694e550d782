"""Helm on the chart of this tree, and clusters to install it on."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.chart.helm import NAMESPACE, Helm
from tests.cluster.controlplane import ControlPlane
from tests.cluster.progress import Progress
from tests.cluster.tools import Toolbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def toolbox() -> Toolbox:
    """Programs and files that `make tools` has made."""
    return Toolbox(os.environ, Progress(sys.stderr))


@pytest.fixture(scope="session")
def helm(helm_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm that renders, and knows no cluster."""
    return Helm(binary=helm_binary, home=tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def helm_3(helm_3_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The same with Helm 3."""
    return Helm(binary=helm_3_binary, home=tmp_path_factory.mktemp("helm-3"))


@pytest.fixture(scope="module")
def bare_cluster(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of the module's own that never heard of Pollwatch, with an empty namespace for it."""
    kube_apiserver, etcd = toolbox.path("kube-apiserver"), toolbox.path("etcd")
    folder = tmp_path_factory.mktemp("control-plane")
    with ControlPlane(kube_apiserver=kube_apiserver, etcd=etcd, folder=folder) as running:
        metadata = {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
        running.admin.post("/api/v1/namespaces", {"metadata": metadata})
        yield running
