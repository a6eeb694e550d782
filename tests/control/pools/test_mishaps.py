"""What goes wrong with one pool stays with it, and what a leader did not get round to is not told later."""

from collections.abc import Callable
from typing import Any

import pytest

from pollwatch.control.data_plane import Found
from pollwatch.control.pools import fleet
from pollwatch.control.pools.apply import Applier
from pollwatch.control.pools.status import desired_status
from pollwatch.plan.states import CheckState, Verdict
from tests.control.api_server import sample
from tests.control.pools.bench import RunningFleet, Stage, eventually, fleet_on, leading_fleet
from tests.support.plans import make_check

DEFECTS = "pollwatch_operator_reconcile_errors_total"
PLANNED = "pollwatch_operator_plan_timestamp_seconds"


def failing_once(work: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but that the first call meets a defect."""
    calls: list[None] = []

    def fail(*arguments: Any, **named: Any) -> Any:
        calls.append(None)
        if len(calls) == 1:
            raise RuntimeError("a defect")
        return work(*arguments, **named)

    return fail


def defects(running: RunningFleet) -> float:
    return sample(running.metrics, DEFECTS)


async def test_a_defect_in_what_a_pool_says_of_itself_is_counted_and_tried_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollwatch.control.pools.crew.desired_status", failing_once(desired_status))
    stage.create()
    async with leading_fleet(stage) as running:
        await eventually(lambda: stage.reason("Ready"), "a status")
        assert defects(running) == 1


async def test_a_defect_in_taking_a_pool_away_is_counted_and_tried_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.create()
    async with leading_fleet(stage) as running:
        await eventually(lambda: stage.names("statefulsets"), "a StatefulSet")
        monkeypatch.setattr(Applier, "delete_pool", failing_once(Applier.delete_pool))
        stage.delete()
        await eventually(lambda: not stage.made(), "all of it to be gone")
        assert defects(running) == 1


async def test_what_was_found_before_somebody_else_led_is_not_told_when_we_lead_again(stage: Stage) -> None:
    check = make_check("a")
    state = CheckState(
        key=check.key,
        uid=check.uid,
        generation=1,
        verdict=Verdict.DOWN,
        previous=Verdict.UP,
        since=1.0,
        at=1.0,
        total=1,
        up=0,
    )
    stage.create()
    async with fleet_on(stage) as running:
        async with running.leading():
            await eventually(lambda: stage.reason("Ready"), "a status")
            running.fleet._take_in(Found(pool=stage.pool, state=state))
        assert running.fleet.take() == []


async def test_nothing_is_written_by_who_may_not_lead_any_more(stage: Stage) -> None:
    asked: list[bool] = []
    leads = False

    def may_write() -> bool:
        asked.append(leads)
        return leads

    stage.create()
    async with fleet_on(stage) as running, running.leading(may_write):
        await eventually(lambda: len(asked) > 3, "tries to write")
        assert (stage.made(), stage.status()) == ([], {})
        leads = True
        await eventually(lambda: stage.names("statefulsets"), "a StatefulSet")


async def test_who_leads_no_more_tells_of_no_plans(stage: Stage) -> None:
    stage.create()
    async with fleet_on(stage) as running:
        async with running.leading():
            await eventually(
                lambda: sample(running.metrics, PLANNED, pool=stage.pool, worker=f"{stage.pool}-0"), "a plan"
            )
        assert sample(running.metrics, PLANNED, pool=stage.pool, worker=f"{stage.pool}-0") == 0.0


async def test_a_pool_that_is_made_again_while_what_there_was_of_it_goes_is_tended_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "TICK", 3600.0)
    delete_pool = Applier.delete_pool
    async with fleet_on(stage) as running:

        async def slowly(applier: Applier, name: str) -> bool:
            is_gone = await delete_pool(applier, name)
            if is_gone:
                stage.create()
                await eventually(lambda: running.pools.get(name), "the pool to be seen again")
            return is_gone

        stage.create()
        async with running.leading():
            await eventually(lambda: stage.names("statefulsets"), "a StatefulSet")
            first = stage.get("statefulsets", f"{stage.base}-0")
            monkeypatch.setattr(Applier, "delete_pool", slowly)
            stage.delete()
            await eventually(
                lambda: (now := stage.get("statefulsets", f"{stage.base}-0")) is not None and now != first,
                "another StatefulSet",
            )
