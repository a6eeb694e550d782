"""What becomes of findings: one status, and one Event for each turn."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from pollwatch.api.conditions import AcceptedReason, ReadyReason
from pollwatch.control.conditions import rfc3339_micro
from pollwatch.control.data_plane import Found
from pollwatch.control.report import FIRST_VERDICT, SETTLE, SUSPENSE
from pollwatch.control.status import Admission, Standing
from pollwatch.plan.states import Verdict
from tests.control.documents import ACCEPTED, REJECTED
from tests.control.reporting import (
    DEGRADED,
    DOWN,
    EAST,
    EXPECTED,
    KEY,
    PLAN,
    UNKNOWN,
    UP,
    Kubernetes,
    Operator,
    one,
    page,
    state,
)
from tests.support.clock import FakeClock

SUSPENDED = replace(ACCEPTED, ready=ReadyReason.SUSPENDED)
IDLE = replace(ACCEPTED, ready=ReadyReason.POOL_NOT_READY)


@pytest.fixture
def kubernetes() -> Kubernetes:
    return Kubernetes(FakeClock())


async def test_a_new_check_gets_its_first_status_with_its_first_verdict(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    operator.work()
    assert operator.writes == 0
    await operator.find(one(UP, kubernetes.clock.time()))
    assert (operator.writes, operator.status.verdict, kubernetes.told) == (1, UP, [])


async def test_a_new_check_without_a_verdict_gets_a_status_after_a_while(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    operator.decide()
    operator.pass_time(max(FIRST_VERDICT, EXPECTED) + 1)
    assert (operator.writes, operator.status.verdict) == (1, UNKNOWN)


async def test_each_turn_is_told_once_also_those_that_no_status_showed(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(UP, now))
    await operator.find(*page(state(DOWN, now + 1, previous=UP), state(UP, now + 2, previous=DOWN)))
    assert kubernetes.told == ["Down", "Up"]
    assert operator.status.verdict is UP
    assert operator.status.last_transition_time == rfc3339_micro(now + 2)


async def test_turns_while_the_api_server_is_away_all_get_their_event_and_the_status_is_right(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(UP, now))
    operator.away = True
    await operator.find(one(DOWN, now + 60, previous=UP))
    await operator.find(one(UP, now + 120, previous=DOWN))
    await operator.find(one(DOWN, now + 180, previous=UP))
    operator.away = False
    operator.work()
    assert kubernetes.told == ["Down", "Up", "Down"]
    assert (operator.status.verdict, operator.writes) == (DOWN, 2)


async def test_a_check_that_a_pool_slows_has_as_much_more_time_before_it_is_unknown(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes)
    operator.rate = 1.0 / (4.0 * PLAN.period)
    operator.decide(anew=False)
    now = kubernetes.clock.time()
    await operator.find(one(DOWN, now))
    await operator.find(one(UNKNOWN, now + 10))
    operator.pass_time(EXPECTED + 3.0 * PLAN.period - 1.0)
    assert operator.status.verdict is DOWN
    operator.pass_time(2.0)
    assert operator.status.verdict is UNKNOWN


async def test_a_worker_that_was_started_anew_has_a_little_time_before_its_checks_are_unknown(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(DOWN, now))
    await operator.find(one(UNKNOWN, now + 10))
    operator.pass_time(EXPECTED - 1)
    assert (operator.status.verdict, operator.writes) == (DOWN, 1)
    await operator.find(one(DOWN, kubernetes.clock.time()))
    operator.pass_time(EXPECTED + 1)
    assert (operator.status.verdict, operator.writes) == (DOWN, 1)
    await operator.find(one(UNKNOWN, kubernetes.clock.time()))
    operator.pass_time(EXPECTED + 1)
    assert operator.status.verdict is UNKNOWN
    assert kubernetes.told == ["Down", "Unknown"]


async def test_only_the_pools_of_a_check_have_a_say_in_it(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(UP, now), one(DOWN, now, pool="west"))
    assert operator.status.verdict is UP


async def test_a_check_that_moves_to_another_pool_keeps_its_verdict_until_that_has_one(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(DOWN, now))
    operator.pools = ("west",)
    operator.decide()
    operator.work()
    await operator.find(one(UP, now + 1))
    assert operator.status.verdict is DOWN
    await operator.find(one(UP, now + 2, pool="west"))
    assert operator.status.verdict is UP
    assert kubernetes.told == ["Down", "Up"]


async def test_a_check_whose_pool_has_no_worker_keeps_its_verdict_for_a_while_only(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes)
    await operator.find(one(UP, kubernetes.clock.time()))
    operator.decide(IDLE, anew=False)
    operator.work()
    assert operator.status.verdict is UP
    assert operator.status.conditions[1].reason == "PoolNotReady"
    operator.pass_time(EXPECTED + 1)
    assert operator.status.verdict is UNKNOWN


async def test_a_check_keeps_verdict_and_time_while_its_pool_comes_up_and_finds_the_same(
    kubernetes: Kubernetes,
) -> None:
    now = kubernetes.clock.time()
    await Operator(kubernetes, pools=("embedded",)).find(one(UP, now, pool="embedded"))
    operator = Operator(kubernetes)
    operator.pass_time(2)
    operator.starting = EAST
    operator.decide(anew=False)
    operator.pass_time(3 * EXPECTED)
    operator.decide(IDLE, anew=False)
    operator.pass_time(3 * EXPECTED)
    assert operator.status.standing == Standing(UP, rfc3339_micro(now))
    assert operator.status.conditions[1].reason == "PoolNotReady"
    operator.starting = frozenset()
    operator.decide(anew=False)
    operator.pass_time(EXPECTED - 1)
    await operator.find(one(UP, kubernetes.clock.time()))
    operator.pass_time(EXPECTED)
    assert operator.status.standing == Standing(UP, rfc3339_micro(now))
    assert kubernetes.told == []


async def test_what_a_pool_that_has_come_up_finds_otherwise_is_one_turn(kubernetes: Kubernetes) -> None:
    await Operator(kubernetes).find(one(UP, kubernetes.clock.time()))
    operator = Operator(kubernetes, starting=EAST)
    operator.pass_time(3 * EXPECTED)
    found_at = kubernetes.clock.time()
    await operator.find(one(DOWN, found_at))
    assert operator.status.standing == Standing(DOWN, rfc3339_micro(found_at))
    assert kubernetes.told == ["Down"]


@pytest.mark.parametrize("admission", [ACCEPTED, IDLE], ids=["its worker is silent", "it has no worker"])
async def test_a_pool_that_does_not_come_up_in_time_leaves_its_checks_unknown(
    kubernetes: Kubernetes, admission: Admission
) -> None:
    await Operator(kubernetes).find(one(UP, kubernetes.clock.time()))
    operator = Operator(kubernetes, starting=EAST)
    operator.starting = frozenset()
    operator.decide(admission, anew=False)
    operator.pass_time(EXPECTED - 1)
    assert operator.status.verdict is UP
    operator.pass_time(2)
    assert operator.status.verdict is UNKNOWN


async def test_a_pool_of_which_something_was_heard_is_not_coming_up(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes, starting=EAST)
    now = kubernetes.clock.time()
    await operator.find(one(UP, now))
    await operator.find(one(UNKNOWN, now + 1))
    operator.pass_time(EXPECTED + 1)
    assert operator.status.verdict is UNKNOWN


async def test_a_worker_that_was_heard_before_it_was_ready_and_is_gone_leaves_its_checks_unknown(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes, starting=EAST)
    await operator.find(one(UP, kubernetes.clock.time()))
    operator.decide(IDLE, anew=False)
    operator.starting = frozenset()
    operator.decide(IDLE, anew=False)
    operator.pass_time(EXPECTED + 1)
    assert operator.status.verdict is UNKNOWN


async def test_a_check_that_is_new_gets_a_status_although_its_pool_is_coming_up(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes, starting=EAST)
    operator.pass_time(EXPECTED + 1)
    assert (operator.status.verdict, operator.writes) == (UNKNOWN, 1)


async def test_a_check_that_leaves_the_plan_for_a_moment_is_the_same_to_its_worker(
    kubernetes: Kubernetes,
) -> None:
    """The data plane is told of the outcome only: it noticed nothing, and has nothing to say."""
    operator = Operator(kubernetes)
    await operator.find(one(UP, kubernetes.clock.time()))
    operator.decide(REJECTED)
    operator.work()
    assert operator.status.verdict is UNKNOWN
    kubernetes.clock.advance(SUSPENSE - 1)
    operator.decide()
    operator.work()
    assert operator.status.verdict is UP


async def test_a_check_that_was_suspended_for_long_starts_from_nothing(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    await operator.find(one(UP, kubernetes.clock.time()))
    operator.decide(SUSPENDED)
    operator.work()
    kubernetes.clock.advance(SUSPENSE + 1)
    operator.decide()
    operator.work()
    assert operator.status.verdict is UNKNOWN


async def lose_its_pool(operator: Operator) -> None:
    """Have nobody probe the Check for a while; that is told of the pool, not of each of its Checks."""
    operator.decide(IDLE, anew=False)
    await operator.find(one(UNKNOWN, operator.clock.time()))
    operator.pass_time(EXPECTED + 1)
    assert operator.status.verdict is UNKNOWN
    operator.decide()


@pytest.mark.parametrize("restarted", [False, True], ids=["the same operator", "another one"])
async def test_a_check_that_was_down_and_is_up_after_nobody_knew_does_not_come_back_silently(
    kubernetes: Kubernetes,
    restarted: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    operator = Operator(kubernetes)
    began = kubernetes.clock.time()
    await operator.find(one(DOWN, began))
    await lose_its_pool(operator)
    assert kubernetes.told == ["Down"]
    if restarted:
        operator = Operator(kubernetes)
    await operator.find(one(UP, kubernetes.clock.time()))
    assert kubernetes.told == ["Down", "Up"]
    assert [event.note[:13] for event in kubernetes.events.values()][1] == "Up (was Down)"
    assert operator.status.previous is DOWN
    assert operator.status.previous_since == rfc3339_micro(began)
    # Also where that was lost with its leader.
    kubernetes.events.clear()
    await Operator(kubernetes).find(one(UP, kubernetes.clock.time()))
    assert kubernetes.told == ["Up"]


@pytest.mark.parametrize("verdict", [DOWN, UP])
async def test_a_check_that_is_as_it_was_before_nobody_knew_is_no_news(
    kubernetes: Kubernetes, verdict: Verdict
) -> None:
    operator = Operator(kubernetes)
    await operator.find(one(verdict, kubernetes.clock.time()))
    before = kubernetes.told
    await lose_its_pool(operator)
    await operator.find(one(verdict, kubernetes.clock.time()))
    assert operator.status.verdict is verdict
    await Operator(kubernetes).find(one(verdict, kubernetes.clock.time()))
    assert kubernetes.told == before


@pytest.mark.parametrize("verdict", [DOWN, UP])
async def test_of_whom_it_was_told_that_nobody_knows_it_is_told_that_it_is_known_again(
    kubernetes: Kubernetes, verdict: Verdict
) -> None:
    operator = Operator(kubernetes)
    await operator.find(one(DOWN, kubernetes.clock.time()))
    await operator.find(one(UNKNOWN, kubernetes.clock.time()))
    operator.pass_time(EXPECTED + 1)
    await operator.find(one(verdict, kubernetes.clock.time()))
    assert kubernetes.told == ["Down", "Unknown", verdict.value]


async def test_a_check_whose_pool_is_gone_keeps_its_verdict(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    await operator.find(one(DOWN, kubernetes.clock.time()))
    operator.decide(replace(REJECTED, accepted=AcceptedReason.POOL_NOT_FOUND))
    operator.pass_time(3600.0)
    assert operator.status.verdict is DOWN
    assert operator.status.conditions[0].reason == "PoolNotFound"


async def test_a_clock_that_was_set_back_hides_no_outage(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(UP, now))
    await operator.find(one(DOWN, now - 3600, previous=UP))
    assert (operator.status.verdict, kubernetes.told) == (DOWN, ["Down"])
    second = Operator(kubernetes)
    await second.find(one(UP, now - 3500, previous=DOWN))
    assert (second.status.verdict, kubernetes.told) == (UP, ["Down", "Up"])


async def test_a_status_that_somebody_spoilt_is_mended_and_that_is_no_turn(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    await operator.find(one(UP, kubernetes.clock.time()))
    right = operator.status
    kubernetes.status = replace(right, verdict=DOWN, up=0)
    kubernetes.version += 1
    operator.watch()
    operator.work()
    assert (operator.status, kubernetes.told) == (right, [])


# Several pools


async def test_with_several_pools_the_verdict_is_over_locations(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes, pools=("east", "west"), quorum=2)
    now = kubernetes.clock.time()
    await operator.find(one(UP, now), one(UP, now, pool="west"))
    assert operator.status.verdict is UP
    await operator.find(one(DOWN, now + 1))
    assert operator.status.verdict is DEGRADED
    assert operator.status.message == "fails from east only (2 locations): status 500"
    await operator.find(one(DOWN, now + 2, pool="west"))
    assert operator.status.verdict is DOWN
    await operator.find(one(UP, now + 3))
    await operator.find(one(UP, now + 4, pool="west"))
    assert kubernetes.told == ["Degraded", "Down", "Degraded", "Up"]
    assert [(where.pool, where.verdict, where.since) for where in operator.status.locations] == [
        ("east", UP, rfc3339_micro(now + 3)),
        ("west", UP, rfc3339_micro(now + 4)),
    ]


async def test_pools_that_find_what_one_found_before_keep_the_time_of_that(kubernetes: Kubernetes) -> None:
    now = kubernetes.clock.time()
    await Operator(kubernetes).find(one(DOWN, now))
    operator = Operator(kubernetes, pools=("east", "west"), quorum=2)
    await operator.find(one(DOWN, now + 60), one(DOWN, now + 60, pool="west"))
    assert operator.status.standing == Standing(DOWN, rfc3339_micro(now))
    assert kubernetes.told == ["Down"]


async def test_a_pool_that_stays_silent_does_not_keep_the_others_from_having_a_say(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes, pools=("east", "west"), quorum=2)
    now = kubernetes.clock.time()
    await operator.find(one(DOWN, now))
    assert operator.writes == 0
    operator.pass_time(SETTLE + 1)
    assert operator.status.verdict is DEGRADED
    assert [where.verdict for where in operator.status.locations] == [DOWN, UNKNOWN]


async def test_a_state_that_cannot_be_taken_in_keeps_no_other_from_being_told(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    nowhere = replace(state(DOWN, now), since=1e15)
    await operator.find(Found(pool="east", state=nowhere), one(UP, now), one(DOWN, now + 1, previous=UP))
    assert (operator.status.verdict, kubernetes.told) == (DOWN, ["Down"])


async def test_a_check_of_which_nothing_can_be_told_ends_no_sweep(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    operator = Operator(kubernetes, pools=("east", "west"), quorum=2)
    now = kubernetes.clock.time()
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr("pollwatch.control.report.turn_news", fail)
        await operator.find(one(DOWN, now))
        operator.pass_time(SETTLE + 1)
    assert [entry["check"] for entry in logs if entry["log_level"] == "error"] == [str(KEY)]
    assert len(operator.defects) == 1
    await operator.find(one(UP, now + 1), one(UP, now + 1, pool="west"))
    assert operator.status.verdict is UP
