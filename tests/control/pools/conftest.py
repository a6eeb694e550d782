"""A pool of the test's own, in a namespace that takes restricted pods alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes.local_node import LocalNode
from tests.control.pool_stage import worker_image
from tests.control.pools.bench import IMAGE, Stage, labelled


@pytest.fixture
def stage(control_plane: ControlPlane, namespace: str) -> Iterator[Stage]:
    """The pool is not created yet; it is deleted at the end, with what was made of it."""
    labelled(control_plane, namespace, {"pod-security.kubernetes.io/enforce": "restricted"})
    stage = Stage(control_plane, namespace)
    yield stage
    stage.delete()
    for kind in ("statefulsets", "services", "secrets", "poddisruptionbudgets", "networkpolicies", "pods"):
        control_plane.admin.delete(stage.path(kind))


@pytest.fixture
def node(control_plane: ControlPlane, stage: Stage, tmp_path: Path) -> Iterator[LocalNode]:
    """Runs the pool's workers, as processes."""
    with LocalNode(
        control_plane,
        namespace=stage.namespace,
        folder=tmp_path / "node",
        images={IMAGE: worker_image(tmp_path / "image")},
    ) as node:
        yield node
