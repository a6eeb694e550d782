"""The plain install: one process that watches and probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.node.images import TREE
from tests.e2e.checks import check, wait_for_verdict
from tests.e2e.website import Site

if TYPE_CHECKING:
    from tests.cluster.node.node import OneNode


@pytest.fixture(scope="module")
def _installed(node: OneNode) -> None:
    node.kubectl("apply", "--server-side", "-f", str(TREE / "manifests" / "install.yaml"))
    node.kubectl(
        *("rollout", "status", "deployment/pollwatch", "--namespace=pollwatch-system", "--timeout=90s")
    )


@pytest.mark.usefixtures("_installed")
def test_a_check_is_judged_by_who_installs_one_file(node: OneNode, namespace: str) -> None:
    site = Site(node=node, namespace=namespace, replicas=2)
    site.start()
    node.admin.apply([check("front-page", site.url)], namespace=namespace)
    wait_for_verdict(node, namespace, "front-page", "Up", "2/2")

    site.answer(1, 500)

    status = wait_for_verdict(node, namespace, "front-page", "Degraded", "1/2")
    assert (status["reason"], status["address"]) == ("UnexpectedStatus", site.address(1))
    events = node.kubectl("get", "events", "--namespace", namespace)
    assert "Degraded" in events


@pytest.mark.usefixtures("_installed")
def test_an_operator_whose_user_has_a_number_and_no_name_watches_without_a_hitch(node: OneNode) -> None:
    log = node.pod_logs("pollwatch-system", "deployment/pollwatch")

    assert "operator is ready" in log
    assert "watch ended" not in log
