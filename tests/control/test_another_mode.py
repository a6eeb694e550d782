"""An operator that probes itself gives way to one with pools: Checks go on with the status they have."""

from contextlib import ExitStack
from pathlib import Path

from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes.local_node import LocalNode
from tests.cluster.waiting import wait_until
from tests.control.conftest import Checks, StartOperator
from tests.control.operators import POOLED, running_operator
from tests.control.pool_stage import SYSTEM_NAMESPACE, WORKER_IMAGE, Pools, worker_image
from tests.support.counting_site import CountingSite


def test_a_check_keeps_its_verdict_and_its_time_while_the_first_pool_comes_up(
    cluster: ControlPlane,
    start_operator: StartOperator,
    pools: Pools,
    checks: Checks,
    counted: CountingSite,
    tmp_path: Path,
) -> None:
    embedded = start_operator()
    checks.create("front-page", http={"url": counted.url("/")})
    known = checks.wait_verdict("front-page", "Up")
    assert embedded.stop() == 0
    probed = len(counted.times("/"))
    pools.create("default")
    kubeconfig = cluster.kubeconfig(cluster.service_account_token(SYSTEM_NAMESPACE, "pollwatch"))
    folder = tmp_path / "pooled"
    folder.mkdir()
    with ExitStack() as running:
        operator = running.enter_context(
            running_operator(kubeconfig, folder, f"--namespace={checks.namespace}", mode=POOLED)
        )

        # Nothing runs Pods yet. By then, a worker that had been there would be overdue.
        checks.wait_reason("front-page", "Ready", "PoolNotReady")

        status = checks.get("front-page")["status"]
        assert (status["verdict"], status["lastTransitionTime"]) == ("Up", known["lastTransitionTime"])
        assert (status["targets"], checks.events("front-page")) == (known["targets"], [])

        image = worker_image(tmp_path / "image")
        running.enter_context(
            LocalNode(
                cluster,
                namespace=SYSTEM_NAMESPACE,
                folder=tmp_path / "node",
                images={WORKER_IMAGE: image},
                links=True,
            )
        )
        checks.wait_reason("front-page", "Ready", "Probing")
        wait_until(lambda: len(counted.times("/")) > probed + 2, what="probes by the worker")
        status = checks.get("front-page")["status"]
        assert (status["verdict"], status["lastTransitionTime"]) == ("Up", known["lastTransitionTime"])
        assert checks.events("front-page") == []

        counted.answer(500, "/")

        status = checks.wait_verdict("front-page", "Down")
        checks.wait_event("front-page", "Down")
        assert status["lastTransitionTime"] > known["lastTransitionTime"]
        assert [event["reason"] for event in checks.events("front-page")] == ["Down"]
        assert operator.stop() == 0
