"""A pool of the test's own, in a namespace that takes restricted pods alone."""

from collections.abc import Iterator

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.control.pools.bench import Stage, labelled


@pytest.fixture
def stage(control_plane: ControlPlane, namespace: str) -> Iterator[Stage]:
    """The pool is not created yet; it is deleted at the end, with what was made of it."""
    labelled(control_plane, namespace, {"pod-security.kubernetes.io/enforce": "restricted"})
    stage = Stage(control_plane, namespace)
    yield stage
    stage.delete()
    for kind in ("statefulsets", "services", "secrets", "poddisruptionbudgets", "networkpolicies", "pods"):
        control_plane.admin.delete(stage.path(kind))
