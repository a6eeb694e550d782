"""Tests on a whole one-node cluster. They run by `make e2e`, as root, and not by `make test`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.node.kit import KIT_VARIABLE, Kit
from tests.cluster.node.node import OneNode
from tests.cluster.progress import Progress
from tests.cluster.waiting import wait_until
from tests.e2e.monitoring import Monitoring

if TYPE_CHECKING:
    from collections.abc import Iterator

# Without a kit there is no node to be had: `pytest tests` leaves them out.
collect_ignore_glob = [] if KIT_VARIABLE in os.environ else ["*"]


@pytest.fixture(scope="session")
def kit() -> Kit:
    """What the node is made of, and where its logs are."""
    path = os.environ.get(KIT_VARIABLE)
    if path is None:
        pytest.fail("tests/e2e runs by `make e2e` (or `python -m tests.e2e`), as root", pytrace=False)
    return Kit.read(Path(path))


@pytest.fixture(scope="session")
def node(kit: Kit) -> Iterator[OneNode]:
    """The node that all tests share."""
    with OneNode(kit, progress=Progress(sys.__stderr__ or sys.stderr)) as running:
        yield running
        for what in ("pods", "events"):
            listing = running.kubectl("get", what, "--all-namespaces", "--output=wide")
            (kit.folder / f"{what}.txt").write_text(listing, encoding="utf-8")


@pytest.fixture(scope="session")
def monitoring(node: OneNode, kit: Kit) -> Iterator[Monitoring]:
    """Prometheus, Alertmanager and Grafana on that node, with their operators."""
    with Monitoring(node, kit) as running:
        yield running
        running.keep()


@pytest.fixture
def namespace(node: OneNode) -> Iterator[str]:
    """A namespace of the test's own that admits only pods of the restricted Pod Security Standard."""
    made = node.admin.post(
        "/api/v1/namespaces",
        {
            "metadata": {
                "generateName": "test-",
                "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
            }
        },
    )
    name = str(made["metadata"]["name"])
    accounts = f"/api/v1/namespaces/{name}/serviceaccounts"
    wait_until(lambda: node.admin.get(accounts)["items"], what="an account, without which no pod is admitted")
    yield name
    node.admin.delete(f"/api/v1/namespaces/{name}")
