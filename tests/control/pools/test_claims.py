"""A worker that was taken over says what it likes of its plan: that costs few writes, and is told."""

from functools import partial

import pytest

from pollwatch.control.pools import conditions, workers
from tests.control.api_server import sample
from tests.control.pools.bench import Stage, eventually
from tests.control.pools.scene import Scene, scene
from tests.support.waiting import until


def claim(on: Scene, revision: int) -> None:
    """Have the worker say that it probes by this revision."""
    on.workers[0].claims = revision
    on.workers[0].feed.notice()


def writes(on: Scene) -> float:
    return sample(on.running.metrics, "pollwatch_operator_plan_writes_total", pool=on.stage.pool)


def is_written(on: Scene, times: float) -> bool:
    return writes(on) == times


async def test_a_worker_that_claims_ever_newer_plans_has_few_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "PATIENCE", 1.0)
    async with scene(stage, replicas=1) as on, on.running.leading():
        await on.begin(0)
        before = writes(on)
        for number in range(1, int(workers.CLAIM_BURST) + 1):
            claim(on, 1000 * number)
            await until(partial(is_written, on, before + number), "a plan that goes above it")
        claim(on, 10**6)
        await eventually(
            lambda: "says that it probes by revision 1000000" in stage.condition("Delivered")["message"],
            "the claim to be told",
        )
        assert writes(on) == before + workers.CLAIM_BURST
