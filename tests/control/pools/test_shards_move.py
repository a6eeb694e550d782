"""Workers come and go, and every Check is probed by exactly one of them: with real worker processes."""

from typing import Any

from pollwatch.plan.checks import HttpProbe
from tests.cluster.processes.local_node import LocalNode
from tests.control.pools.bench import Stage, eventually, leading_fleet

CHECKS = [f"check-{number}" for number in range(12)]


def probed(stage: Stage) -> list[int]:
    """How many Checks each worker has, as the status says, once every plan is live."""
    if stage.reason("Ready") != "Ready" or stage.reason("Delivered") != "Delivered":
        return []
    workers: list[dict[str, Any]] = stage.status().get("workers", [])
    if any(worker["revision"] != worker["liveRevision"] for worker in workers):
        return []
    return [worker["checks"] for worker in workers]


async def test_a_pool_grows_and_shrinks_and_each_check_keeps_one_worker(
    stage: Stage, node: LocalNode
) -> None:
    del node
    stage.create(replicas=1)
    async with leading_fleet(stage) as running:
        probe = HttpProbe(url="http://127.0.0.1:9/")
        running.probe(*CHECKS, probe=probe, period=1.0, timeout=1.0)
        await eventually(lambda: probed(stage) == [12], "one worker to have all Checks")
        stage.change(replicas=3)
        shares = await eventually(lambda: (s := probed(stage)) and len(s) == 3 and s, "three workers")
        assert sum(shares or []) == 12
        stage.change(replicas=1)
        await eventually(lambda: probed(stage) == [12], "the last worker to have all Checks")
        await eventually(lambda: stage.names("statefulsets") == [f"{stage.base}-0"], "the others to be gone")
        assert stage.names("secrets") == [f"{stage.base}-0-keys", f"{stage.base}-0-plan"]
