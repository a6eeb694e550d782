"""The product's image, as pods run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pollwatch import __version__
from tests.cluster.node.images import product_image
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from tests.cluster.node.node import OneNode

POD = "image"


@pytest.fixture
def shell(node: OneNode, namespace: str) -> str:
    """The namespace of a restricted pod of the image, with a read-only root, that sleeps."""
    container = {
        "name": "pollwatch",
        "image": product_image(),
        "imagePullPolicy": "Never",
        "command": ["sleep", "infinity"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    spec = {
        "terminationGracePeriodSeconds": 0,
        # The kubelet takes the user from the image, and starts no pod whose user may be root.
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    path = f"/api/v1/namespaces/{namespace}/pods"
    # The account `default` comes a moment after the namespace.
    wait_until(
        lambda: node.admin.get(f"/api/v1/namespaces/{namespace}/serviceaccounts")["items"],
        what="the namespace's service account",
    )
    node.admin.post(path, {"metadata": {"name": POD}, "spec": spec})
    wait_until(
        lambda: node.admin.get(f"{path}/{POD}")["status"]["phase"] == "Running",
        what="a pod of the image to run",
        within_seconds=90,
    )
    return namespace


def _exec(node: OneNode, namespace: str, *command: str) -> str:
    return node.kubectl("exec", "--namespace", namespace, POD, "--", *command)


def test_pollwatch_runs_on_a_read_only_root_as_a_user_with_a_number(node: OneNode, shell: str) -> None:
    assert __version__ in _exec(node, shell, "pollwatch", "--version")
    assert _exec(node, shell, "id", "-u").strip() == "65532"


def test_the_image_holds_no_compiler_and_nothing_that_installs_python_packages(
    node: OneNode, shell: str
) -> None:
    programs = _exec(
        node, shell, "sh", "-c", "for p in cc gcc pip pip3 uv; do command -v $p; done; true"
    ).split()
    modules = _exec(
        node,
        shell,
        *("python", "-c"),
        "import importlib.util as u, json; "
        "print(json.dumps([n for n in ('pip', 'ensurepip', 'setuptools', 'pytest') if u.find_spec(n)]))",
    )

    assert (programs, json.loads(modules)) == ([], [])
