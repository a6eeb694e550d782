"""What is made of a pool, on the real API server."""

import base64
import json

from tests.control.pools.bench import Stage, eventually, leading_fleet


async def test_a_pool_becomes_what_its_workers_need_and_nothing_else(stage: Stage) -> None:
    stage.create(replicas=2)
    async with leading_fleet(stage) as running:
        running.probe("front-page", "search")
        await eventually(lambda: len(stage.names("statefulsets")) == 2, "two StatefulSets")
        base = stage.base
        assert stage.made() == [
            f"statefulsets/{base}-0",
            f"statefulsets/{base}-1",
            f"services/{base}",
            f"secrets/{base}-0-keys",
            f"secrets/{base}-0-plan",
            f"secrets/{base}-1-keys",
            f"secrets/{base}-1-plan",
            f"poddisruptionbudgets/{base}",
            f"networkpolicies/{base}",
        ]
        checks = 0
        for shard in (0, 1):
            secret = stage.get("secrets", f"{base}-{shard}-plan") or {}
            header = json.loads(base64.b64decode(secret["data"]["plan.json"]))
            assert secret["type"] == "pollwatch.dev/plan"
            assert header["worker"] == f"{stage.pool}-{shard}"
            checks += sum(block.get("checks", 0) for block in header.get("blocks", []))
        assert checks == 2
