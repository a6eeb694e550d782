"""Checks that move from worker to worker: what was found is read first, and nobody lets go too early."""

from dataclasses import replace

import pytest

from pollwatch.control.pools import courier, fleet, membership, roster
from pollwatch.control.pools.delivery import held_header
from pollwatch.control.pools.names import plan_name
from pollwatch.control.pools.owned import SECRETS
from pollwatch.plan import encoding
from pollwatch.plan.states import Verdict
from pollwatch.worker.keys import Keys
from tests.control.pools.bench import Stage, eventually
from tests.control.pools.scene import NAMES, scene
from tests.support.waiting import until


async def test_what_a_worker_found_that_is_to_go_is_read_before_the_next_leader_moves_its_checks(
    stage: Stage,
) -> None:
    async with scene(stage, replicas=3) as on:
        async with on.running.leading():
            await on.begin(0, 1, 2)
        moved = on.probed(2)[0]
        on.workers[2].tell(moved, Verdict.DOWN)
        await on.resize(2)
        async with on.running.leading():
            await until(lambda: on.probed(0, 1) == sorted(NAMES), "the others to have all Checks")
            assert (moved, Verdict.DOWN) in on.told()
            await until(lambda: on.probed(2) == [], "it to let go")


@pytest.mark.parametrize("how", ["spoilt", "deleted"])
async def test_a_worker_keeps_its_checks_though_its_plan_was_lost_while_nobody_led(
    stage: Stage, how: str
) -> None:
    async with scene(stage, replicas=2) as on:
        async with on.running.leading():
            await on.begin(0, 1)
            await eventually(lambda: len(stage.names("statefulsets")) == 2, "both to be made")
        kept = on.probed(1)
        on.workers[1].tell(kept[0], Verdict.DOWN)
        name = plan_name(stage.pool, 1)
        if how == "deleted":
            stage.admin.delete(stage.path("secrets", name))
        else:
            stage.admin.patch(stage.path("secrets", name), {"data": {"plan.json": "e30="}})
        secrets = on.running.owned[SECRETS]
        await until(lambda: held_header(secrets.get(name)) is None, "that to be seen")
        async with on.running.leading():
            await until(lambda: (kept[0], Verdict.DOWN) in on.told(), "what it found to be told")
            await until(lambda: len(on.workers[1].plans) > 1, "its plan to be delivered anew")
            assert on.probed(1) == kept


async def test_a_worker_goes_on_with_what_another_one_gets_until_that_one_has_it(stage: Stage) -> None:
    async with scene(stage, replicas=2) as on, on.running.leading():
        await on.begin(0, 1)
        await on.add(2)
        keys = on.workers[2].keys
        # It is heard, and takes no plan.
        on.workers[2].keys = replace(keys, plan_keys=())
        await until(lambda: on.refused() > 3, "pushes that are refused")
        assert on.probed(0, 1, 2) == sorted(NAMES)
        on.workers[2].keys = keys
        await until(lambda: on.probed(2), "the new worker to have Checks")
        await until(lambda: on.probed(0, 1, 2) == sorted(NAMES), "the others to let go of them")


async def test_a_worker_lets_go_of_what_another_one_has_although_that_ones_plan_changes_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "HAND_OVER", 600.0)
    async with scene(stage, replicas=2) as on, on.running.leading():
        await on.begin(0, 1)
        await on.add(2)
        await until(lambda: on.probed(2), "the new worker to have Checks")
        # It has what was moved, and will never have what comes now.
        on.workers[2].keys = replace(on.workers[2].keys, plan_keys=())
        on.running.probe(*on.probed(2), period=20.0)
        await until(lambda: on.probed(0, 1, 2) == sorted(NAMES), "the others to let go of them")


async def test_a_worker_lets_go_after_a_while_though_nobody_knows_whether_the_other_one_probes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "HAND_OVER", 1.0)
    monkeypatch.setattr(fleet, "TICK", 0.5)
    async with scene(stage, replicas=2) as on, on.running.leading():
        await on.begin(0, 1)
        await on.add(2)
        on.workers[2].keys = replace(on.workers[2].keys, plan_keys=())
        await until(lambda: len(on.probed(0, 1)) < len(NAMES), "the others to let go")


async def test_no_check_is_moved_while_a_worker_that_has_some_cannot_be_told(stage: Stage) -> None:
    async with scene(stage, replicas=2) as on, on.running.leading():
        await on.begin(0, 1)
        keys = on.workers[0].keys
        on.workers[0].keys = replace(keys, feed_tokens=())
        await eventually(lambda: stage.reason("Delivered") == "TokenMismatch", "its feed to be refused")
        await on.add(2)
        await until(lambda: on.workers[2].plans and on.workers[2].app.readers, "the new worker to be heard")
        for _ in range(3):
            on.running.fleet._stir(stage.pool)
            await until(lambda: not on.running.fleet._moved, "the pool to be looked at")
        assert on.probed(0, 1) == sorted(NAMES)
        assert on.probed(2) == []
        on.workers[0].keys = keys
        await until(lambda: on.probed(2), "the new worker to have Checks")
        await until(lambda: on.probed(0, 1, 2) == sorted(NAMES), "the others to let go of them")


async def test_checks_move_after_a_while_though_a_worker_that_has_some_cannot_be_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "PATIENCE", 1.0)
    monkeypatch.setattr(fleet, "TICK", 0.5)
    async with scene(stage, replicas=2) as on, on.running.leading():
        await on.begin(0, 1)
        on.workers[0].keys = replace(on.workers[0].keys, feed_tokens=())
        await eventually(lambda: stage.reason("Delivered") == "TokenMismatch", "its feed to be refused")
        await on.add(2)
        await until(lambda: on.probed(2), "the new worker to have Checks")


async def test_checks_stay_with_the_worker_that_has_them_while_they_would_not_fit_elsewhere(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "REFIT", 1.0)
    monkeypatch.setattr(roster, "DRAIN", 1.0)
    monkeypatch.setattr(courier, "HAND_OVER", 1.0)
    monkeypatch.setattr(fleet, "TICK", 0.5)
    async with scene(stage, replicas=2) as on, on.running.leading():
        await on.begin(0, 1)
        size = on.size()
        monkeypatch.setattr(encoding, "MAX_UNPACKED", size * 3 // 4)
        await on.resize(1)
        await eventually(lambda: stage.reason("Accepted") == "PlanTooLarge", "that to be said")
        message = stage.condition("Accepted")["message"]
        assert message.startswith("Checks stay with the workers that have them, for elsewhere the plan of")
        changed = on.running.probe("check-7", period=20.0)
        await until(lambda: changed.items() <= on.planned(0, 1).items(), "a change to be live")
        for _ in range(3):
            on.running.fleet._stir(stage.pool)
            await until(lambda: not on.running.fleet._moved, "the pool to be looked at")
        assert on.probed(0, 1) == sorted(NAMES)
        assert len(stage.names("statefulsets")) == 2
        monkeypatch.setattr(encoding, "MAX_UNPACKED", size * 2)
        await until(lambda: on.probed(0) == sorted(NAMES), "the other worker to have all Checks")
        await eventually(lambda: stage.reason("Accepted") == "Accepted", "that to be well again")


async def test_what_a_worker_on_a_lost_node_had_goes_to_the_others_until_it_is_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "LOST_AFTER", 1.0)
    monkeypatch.setattr(fleet, "TICK", 0.5)
    async with scene(stage, replicas=2) as on, on.running.leading():
        await on.begin(0, 1)
        keys = on.workers[1].keys
        on.lose(1)
        # As long as it is heard itself, it goes on.
        await eventually(
            lambda: "node is not heard of" in stage.condition("Ready").get("message", ""), "its node"
        )
        assert on.probed(0, 1) == sorted(NAMES)
        on.workers[1].keys = Keys()
        await until(lambda: on.probed(0) == sorted(NAMES), "the other worker to have all Checks")
        on.workers[1].keys = keys
        on.appear(1)
        await until(lambda: on.probed(0, 1) == sorted(NAMES), "both to share them again")
        await until(lambda: on.probed(1), "it to have its share")
