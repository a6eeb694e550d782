"""The product's image, as pods run it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from pollwatch import __version__
from tests.cluster.node.images import product_image
from tests.cluster.waiting import wait_until
from tests.e2e.pods import USER, restricted_pod

if TYPE_CHECKING:
    from tests.cluster.node.kit import Kit
    from tests.cluster.node.node import OneNode

POD = "image"
_SITE_PACKAGES = "/opt/pollwatch/lib/python3*/site-packages"


@pytest.fixture
def shell(node: OneNode, namespace: str) -> str:
    """The namespace of a restricted pod of the image, with a read-only root, that sleeps."""
    container = {"name": "pollwatch", "image": product_image(), "command": ["sleep", "infinity"]}
    path = f"/api/v1/namespaces/{namespace}/pods"
    node.admin.post(path, {"metadata": {"name": POD}, "spec": restricted_pod(container)})
    wait_until(
        lambda: node.admin.get(f"{path}/{POD}")["status"]["phase"] == "Running",
        what="a pod of the image to run",
        within_seconds=90,
    )
    return namespace


def _exec(node: OneNode, namespace: str, *command: str) -> str:
    return node.kubectl("exec", "--namespace", namespace, POD, "--", *command)


def _normal(name: str) -> str:
    """A distribution's name in the form in which names are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_pollwatch_runs_on_a_read_only_root_as_a_user_with_a_number(node: OneNode, shell: str) -> None:
    assert __version__ in _exec(node, shell, "pollwatch", "--version")
    assert _exec(node, shell, "id", "-u").strip() == str(USER)


def test_the_image_holds_the_source_that_it_was_built_of(node: OneNode, shell: str, kit: Kit) -> None:
    code = (
        "import hashlib, json, pathlib, pollwatch; root = pathlib.Path(pollwatch.__file__).parent; "
        "print(json.dumps({str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()"
        " for p in root.rglob('*.py')}))"
    )
    inside = json.loads(_exec(node, shell, "python", "-c", code))

    package = "operator/pollwatch/"
    assert inside == {
        path.removeprefix(package): digest
        for path, digest in kit.sources.items()
        if path.startswith(package) and path.endswith(".py")
    }


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


def test_the_image_lists_what_is_in_it_for_scanners_and_for_people(node: OneNode, shell: str) -> None:
    folder = "/opt/pollwatch/share/pollwatch"

    bill = json.loads(_exec(node, shell, "cat", f"{folder}/sbom.cdx.json"))
    licences = _exec(node, shell, "cat", f"{folder}/LICENSES.txt").splitlines()

    shipped = {
        _normal(name.removesuffix(".dist-info").rpartition("-")[0])
        for name in _exec(node, shell, "sh", "-c", f"ls {_SITE_PACKAGES}").split()
        if name.endswith(".dist-info")
    }
    listed = {_normal(component["name"]) for component in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert shipped - {"pollwatch"} <= listed
    assert "kubernetes" in licences
    assert "Apache Software License" in " ".join(licences)


def test_the_image_ships_little_of_the_kubernetes_client(node: OneNode, shell: str) -> None:
    kilobytes, _path = _exec(node, shell, "sh", "-c", f"du -sk {_SITE_PACKAGES}/kubernetes").split()

    # All of it is more than 100 MB, and grows with each release of Kubernetes.
    assert int(kilobytes) < 10_000
