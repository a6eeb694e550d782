"""What a leader tells that follows another: each turn has one Event, whoever tells it, and how often."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.control.conditions import rfc3339_micro
from pollwatch.control.data_plane import Found
from pollwatch.control.feed_page import AHEAD, at_latest
from pollwatch.control.news import event_document
from pollwatch.control.retelling import RECENT, WORD
from pollwatch.plan.states import CheckState, Verdict
from tests.control.reporting import (
    DEGRADED,
    DOWN,
    EXPECTED,
    KEY,
    UNKNOWN,
    UP,
    Kubernetes,
    Operator,
    one,
    page,
    state,
)
from tests.support.clock import FakeClock


@pytest.fixture
def kubernetes() -> Kubernetes:
    return Kubernetes(FakeClock())


async def test_a_leader_that_takes_over_tells_what_happened_meanwhile_and_nothing_twice(
    kubernetes: Kubernetes,
) -> None:
    now = kubernetes.clock.time()
    first = Operator(kubernetes)
    seen = [state(UP, now), state(DOWN, now + 5, previous=UP)]
    for found in seen:
        await first.find(Found(pool="east", state=found))
    assert kubernetes.told == ["Down"]
    second = Operator(kubernetes)
    missed = [state(UP, now + 8, previous=DOWN), state(DOWN, now + 9, previous=UP)]
    await second.find(*page(*seen, *missed))
    assert kubernetes.told == ["Down", "Up", "Down"]
    assert second.status.last_transition_time == rfc3339_micro(now + 9)
    third = Operator(kubernetes)
    await third.find(*page(*seen, *missed))
    third.pass_time(EXPECTED + 1)
    assert kubernetes.told == ["Down", "Up", "Down"]
    assert third.writes == 0


async def test_an_event_that_was_lost_with_the_leader_is_told_by_the_next(kubernetes: Kubernetes) -> None:
    now = kubernetes.clock.time()
    first = Operator(kubernetes)
    seen = [state(UP, now), state(DOWN, now + 5, previous=UP), state(UP, now + 6, previous=DOWN)]
    await first.find(*page(*seen))
    kubernetes.events.clear()
    second = Operator(kubernetes)
    await second.find(*page(*seen))
    assert kubernetes.told == ["Down", "Up"]
    kubernetes.events.clear()
    kubernetes.clock.advance(RECENT + 60)
    third = Operator(kubernetes)
    await third.find(*page(*seen))
    # The API server forgets Events after an hour: what is old is not told again.
    assert kubernetes.told == []


async def test_an_outage_that_nobody_has_read_of_is_told_however_long_nobody_led(
    kubernetes: Kubernetes,
) -> None:
    operator, begin = Operator(kubernetes), kubernetes.clock.time()
    await operator.find(one(UP, begin))
    kubernetes.clock.advance(3 * 3600.0)
    outage = [state(DOWN, begin + 60, previous=UP), state(UP, begin + 180, previous=DOWN)]
    after = Operator(kubernetes)
    await after.find(*page(*outage, recent=True))
    assert kubernetes.told == ["Down", "Up"]
    assert after.status.last_transition_time == rfc3339_micro(begin + 180)


async def test_events_that_were_lost_are_posted_in_their_order(kubernetes: Kubernetes) -> None:
    now = kubernetes.clock.time()
    seen = [state(UP, now), state(DOWN, now + 5, previous=UP), state(UP, now + 6, previous=DOWN)]
    await Operator(kubernetes).find(*page(*seen))
    kubernetes.events.clear()
    second = Operator(kubernetes)
    # The status says that it is Up again, and the worker takes its time to say how it came to that.
    second.pass_time(EXPECTED - 1)
    await second.find(*page(*seen))
    assert [event.reason for event in kubernetes.events.values()] == ["Down", "Up"]
    kubernetes.events.clear()
    third = Operator(kubernetes)
    await third.find(*page(*seen, state(DOWN, now + 9, previous=UP)))
    assert [event.reason for event in kubernetes.events.values()] == ["Down", "Up", "Down"]


async def test_a_turn_that_two_workers_saw_while_the_check_moved_is_told_once(
    kubernetes: Kubernetes,
) -> None:
    operator, begin = Operator(kubernetes), kubernetes.clock.time()
    await operator.find(one(UP, begin))
    await operator.find(one(DOWN, begin + 5, previous=UP))
    # The worker that has the Check now saw it a moment before the one that had it.
    after = Operator(kubernetes)
    await after.find(*page(state(UP, begin + 3), state(DOWN, begin + 4, previous=UP)))
    assert kubernetes.told == ["Down"]


@pytest.mark.parametrize("earlier", [1.0, -1.0], ids=["before the one that told it", "after it"])
async def test_an_outage_that_two_workers_saw_has_one_event_also_after_its_end(
    kubernetes: Kubernetes, earlier: float
) -> None:
    operator, begin = Operator(kubernetes), kubernetes.clock.time()
    await operator.find(one(UP, begin))
    await operator.find(one(DOWN, begin + 5, previous=UP))
    await operator.find(one(UP, begin + 20, previous=DOWN))
    # The worker that has the Check now had it before that, too.
    other = [
        state(UP, begin + 3),
        state(DOWN, begin + 5 - earlier, previous=UP),
        state(UP, begin + 21, previous=DOWN),
    ]
    await Operator(kubernetes).find(*page(*other))
    assert kubernetes.told == ["Down", "Up"]
    # What was lost with its leader is told by what the other saw.
    told = dict(kubernetes.events)
    kubernetes.events.clear()
    await Operator(kubernetes).find(*page(*other))
    assert kubernetes.events.keys() == told.keys()


async def test_an_outage_before_the_last_one_is_one_of_its_own(kubernetes: Kubernetes) -> None:
    operator, begin = Operator(kubernetes), kubernetes.clock.time()
    seen = [state(UP, begin)]
    for minute in (1, 5):
        seen.append(state(DOWN, begin + 60 * minute, previous=UP))
        seen.append(state(UP, begin + 60 * minute + 5, previous=DOWN))
    await operator.find(*page(*seen))
    told = dict(kubernetes.events)
    assert len(told) == 4
    kubernetes.events.clear()
    kubernetes.clock.advance(310)
    await Operator(kubernetes).find(*page(*seen))
    assert kubernetes.events.keys() <= told.keys()
    assert kubernetes.told.count("Down") == 2


async def test_what_was_told_before_the_clock_of_a_worker_was_set_back_is_not_told_again(
    kubernetes: Kubernetes,
) -> None:
    begin = kubernetes.clock.time()
    back = begin - 7200
    first = Operator(kubernetes)
    seen = [state(UP, begin), state(DOWN, back + 5, previous=UP)]
    for found in seen:
        await first.find(Found(pool="east", state=found))
    before = kubernetes.status
    second = Operator(kubernetes)
    await second.find(*page(*seen))
    assert (kubernetes.told, kubernetes.status) == (["Down"], before)
    missed = [state(UP, back + 8, previous=DOWN), state(DOWN, back + 9, previous=UP)]
    third = Operator(kubernetes)
    await third.find(*page(*seen, *missed))
    assert kubernetes.told == ["Down", "Up", "Down"]
    assert third.status.last_transition_time == rfc3339_micro(back + 9)


async def test_what_happened_while_nobody_led_is_told_although_a_clock_was_set_back_in_between(
    kubernetes: Kubernetes,
) -> None:
    begin = kubernetes.clock.time()
    back = begin - 7200
    seen = [state(UP, begin)]
    await Operator(kubernetes).find(*page(*seen))
    missed = [
        state(DOWN, begin + 5, previous=UP),
        state(UP, back + 10, previous=DOWN),
        state(DOWN, back + 15, previous=UP),
        state(UP, back + 20, previous=DOWN),
    ]
    await Operator(kubernetes).find(*page(*seen, *missed))
    assert sorted(kubernetes.told) == ["Down", "Down", "Up", "Up"]


async def test_an_event_that_was_lost_is_told_by_the_next_leader_although_the_workers_clock_is_behind(
    kubernetes: Kubernetes,
) -> None:
    back = kubernetes.clock.time() - 7200
    seen = [state(UP, back), state(DOWN, back + 5, previous=UP), state(UP, back + 6, previous=DOWN)]
    await Operator(kubernetes).find(*page(*seen))
    kubernetes.events.clear()
    await Operator(kubernetes).find(*page(*seen, recent=False))
    assert kubernetes.told == []
    await Operator(kubernetes).find(*page(*seen, recent=True))
    assert kubernetes.told == ["Down", "Up"]


async def test_an_event_that_was_lost_is_told_although_a_worker_with_a_clock_behind_had_just_begun(
    kubernetes: Kubernetes,
) -> None:
    begin = kubernetes.clock.time()
    await Operator(kubernetes).find(one(UP, begin), one(DOWN, begin + 5, previous=UP))
    # The Check had moved to it: to it, this is no turn.
    found = page(state(UP, begin - 7200), recent=True)
    await Operator(kubernetes).find(*found)
    kubernetes.events.clear()
    await Operator(kubernetes).find(*found)
    assert kubernetes.told == ["Up"]


async def test_what_a_worker_told_before_the_check_left_it_is_past_when_the_check_is_back(
    kubernetes: Kubernetes,
) -> None:
    begin = kubernetes.clock.time()
    back = begin - 7200
    former = state(UP, begin)
    await Operator(kubernetes).find(*page(former, worker="east-1"))
    await Operator(kubernetes).find(
        *page(state(UP, begin + 10), state(DOWN, back + 20, previous=UP), worker="east-2")
    )
    returned = [former, state(DOWN, back + 30), state(UP, back + 40, previous=DOWN)]
    await Operator(kubernetes).find(*page(*returned[:2], worker="east-1"))
    assert kubernetes.told == ["Down"]
    after = Operator(kubernetes)
    await after.find(*page(*returned, worker="east-1"))
    assert kubernetes.told == ["Down", "Up"]
    assert after.status.last_transition_time == rfc3339_micro(back + 40)


async def test_an_operator_that_restarts_with_its_worker_changes_nothing(kubernetes: Kubernetes) -> None:
    """Embedded, the feed dies with the operator: the first verdict of the next is no turn."""
    now = kubernetes.clock.time()
    await Operator(kubernetes).find(one(DOWN, now))
    before = kubernetes.status
    second = Operator(kubernetes)
    second.work()
    assert second.writes == 0
    await second.find(one(DOWN, now + 30))
    assert (second.writes, kubernetes.status, kubernetes.told) == (0, before, ["Down"])
    await second.find(one(UP, now + 40, previous=DOWN))
    assert kubernetes.told == ["Down", "Up"]


async def test_the_end_of_a_silence_is_told_under_the_name_that_the_outage_had(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(DOWN, now))
    await operator.find(one(UNKNOWN, now + 10))
    operator.pass_time(EXPECTED + 1)
    await operator.find(one(DOWN, now))
    assert operator.status.verdict is DOWN
    assert operator.status.last_transition_time == rfc3339_micro(now)
    assert kubernetes.told == ["Down", "Unknown"]


async def test_a_leader_that_takes_over_finds_the_same_turns_in_whichever_order_pools_tell_them(
    kubernetes: Kubernetes,
) -> None:
    now = kubernetes.clock.time()
    first = Operator(kubernetes, pools=("east", "west"), quorum=2)
    await first.find(one(UP, now), one(UP, now, pool="west"))
    east = [state(DOWN, now + 10, previous=UP), state(UP, now + 20, previous=DOWN)]
    west = [state(DOWN, now + 11, previous=UP), state(UP, now + 21, previous=DOWN)]
    second = Operator(kubernetes, pools=("east", "west"), quorum=2)
    await second.find(*page(*west, pool="west"))
    await second.find(*page(*east))
    assert kubernetes.told == ["Degraded", "Down", "Degraded", "Up"]
    assert second.status.last_transition_time == rfc3339_micro(now + 21)
    third = Operator(kubernetes, pools=("east", "west"), quorum=2)
    await third.find(*page(*east), *page(*west, pool="west"))
    assert kubernetes.told == ["Degraded", "Down", "Degraded", "Up"]
    assert third.writes == 0


# Whatever happens


@given(
    verdicts=st.lists(st.sampled_from([UP, DOWN, DEGRADED]), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=4),
    outages=st.sets(st.integers(0, 12), max_size=4),
    lags=st.sets(st.integers(0, 12), max_size=3),
    steps=st.dictionaries(st.integers(0, 12), st.sampled_from([-7200.25, -61.5, 37.125]), max_size=3),
)
async def test_whoever_leads_whatever_clocks_say_and_whenever_the_api_server_is_away_each_turn_gets_one_event(
    verdicts: list[Verdict], cuts: list[int], outages: set[int], lags: set[int], steps: dict[int, float]
) -> None:
    """At a cut another operator takes over, and reads the whole feed; the one before does nothing more.

    What that other one knows of Kubernetes may be as old as the last lag.
    """
    kubernetes = Kubernetes(FakeClock())
    start = kubernetes.clock.time()
    feed: list[CheckState] = []
    expected: list[str] = []
    operator = Operator(kubernetes)
    lagging: Operator | None = None
    before = UNKNOWN
    for number, verdict in enumerate(verdicts):
        if number in lags:
            lagging = Operator(kubernetes)
        for _ in range(cuts.count(number)):
            operator, lagging = lagging or Operator(kubernetes), None
            operator.reporter.begin()
            if feed:
                await operator.find(*page(*feed))
        operator.away = number in outages
        start += steps.get(number, 0.0)
        if verdict is not before:
            feed.append(state(verdict, start + number, previous=before))
            if (before, verdict) != (UNKNOWN, UP):
                expected.append(verdict.value)
            await operator.find(Found(pool="east", state=feed[-1]))
            before = verdict
    operator.away = False
    operator.work()
    operator.pass_time(EXPECTED + 1)
    last = Operator(kubernetes)
    await last.find(*page(*feed))
    assert sorted(kubernetes.told) == sorted(expected)
    assert steps or kubernetes.told == expected
    assert last.status.verdict is verdicts[-1]
    assert last.status.last_transition_time == rfc3339_micro(feed[-1].since)


def _read(kubernetes: Kubernetes, seen: CheckState) -> Found:
    """The newest state of a Check, as the operator that reads it now takes it in."""
    return Found(pool="east", state=at_latest(seen, kubernetes.clock.time()))


async def test_an_event_that_was_lost_is_told_by_the_next_leader_although_the_workers_clock_is_ahead(
    kubernetes: Kubernetes,
) -> None:
    """The first leader wrote the status and died; each leader reads another time for the turn."""
    begin = kubernetes.clock.time()
    seen = state(DOWN, begin + 120 * AHEAD, previous=UP)
    await Operator(kubernetes).find(one(UP, begin))
    kubernetes.clock.advance(5)
    await Operator(kubernetes).find(_read(kubernetes, seen))
    before = kubernetes.status
    kubernetes.events.clear()
    kubernetes.clock.advance(5)
    await Operator(kubernetes).find(_read(kubernetes, seen))
    assert kubernetes.told == ["Down"]
    assert kubernetes.status == before


async def test_what_a_leader_told_whose_own_clock_is_behind_is_not_told_again_by_the_next(
    kubernetes: Kubernetes,
) -> None:
    behind = kubernetes.clock.time()
    right = behind + 7200
    seen = [state(UP, right), state(DOWN, right + 5, previous=UP), state(UP, right + 9, previous=DOWN)]
    first = Operator(kubernetes)
    for found in seen:
        await first.find(_read(kubernetes, found))
    assert kubernetes.told == ["Down", "Up"]
    kubernetes.clock.advance(7210)
    second = Operator(kubernetes)
    missed = [*seen, state(DOWN, right + 15, previous=UP)]
    await second.find(*page(*missed, recent=True))
    assert kubernetes.told == ["Down", "Up", "Down"]


async def test_an_event_that_was_lost_is_told_although_the_workers_clock_is_ahead_and_the_check_moved(
    kubernetes: Kubernetes,
) -> None:
    begin = kubernetes.clock.time()
    await Operator(kubernetes).find(one(UP, begin))
    await Operator(kubernetes).find(*page(state(DOWN, begin + 7200, previous=UP), recent=True))
    kubernetes.events.clear()
    kubernetes.clock.advance(10)
    await Operator(kubernetes).find(*page(state(DOWN, begin + 7209), recent=True, worker="east-1"))
    assert kubernetes.told == ["Down"]


async def test_an_event_that_was_lost_is_told_by_a_leader_whose_own_clock_is_wrong(
    kubernetes: Kubernetes,
) -> None:
    now = kubernetes.clock.time()
    for off in (-7200, 7200):
        seen = [state(UP, now + off), state(DOWN, now + off + 5, previous=UP)]
        await Operator(kubernetes).find(*page(*seen, recent=True))
        kubernetes.events.clear()
        await Operator(kubernetes).find(*page(*seen, recent=True))
        assert kubernetes.told == ["Down"]
        kubernetes.status = None
        kubernetes.events.clear()


async def test_an_event_that_was_lost_is_told_by_the_next_leader_although_the_check_moved(
    kubernetes: Kubernetes,
) -> None:
    """The worker that has the Check now found it as it is, and knows of no turn."""
    begin = kubernetes.clock.time()
    await Operator(kubernetes).find(one(UP, begin))
    await Operator(kubernetes).find(one(DOWN, begin + 5, previous=UP))
    (lost,) = kubernetes.events.values()
    kubernetes.events.clear()
    kubernetes.clock.advance(10)
    await Operator(kubernetes).find(one(DOWN, begin + 9))
    (told,) = kubernetes.events.values()
    assert (told.name, told.note) == (lost.name, lost.note)


@pytest.mark.parametrize("after", [10.0, RECENT + 60.0], ids=["soon", "later"])
async def test_a_lost_event_is_told_although_the_worker_was_started_anew_and_its_clock_is_hours_behind(
    kubernetes: Kubernetes, after: float
) -> None:
    then = kubernetes.clock.time() - 7200
    await Operator(kubernetes).find(one(UP, then))
    await Operator(kubernetes).find(one(DOWN, then + 5, previous=UP))
    (lost,) = kubernetes.events
    kubernetes.events.clear()
    kubernetes.clock.advance(after)
    operator = Operator(kubernetes)
    await operator.find(*page(state(DOWN, then + after + 3), recent=True, worker="east-0", behind=7200.0))
    operator.pass_time(WORD + 1)
    # What is old by every clock stays as it is.
    assert list(kubernetes.events) == ([lost] if after < RECENT else [])


async def test_what_is_old_by_the_clock_of_its_worker_is_not_told_again(kubernetes: Kubernetes) -> None:
    then = kubernetes.clock.time()
    await Operator(kubernetes).find(one(UP, then), one(DOWN, then + 5, previous=UP))
    kubernetes.events.clear()
    kubernetes.clock.advance(7200)
    operator = Operator(kubernetes)
    await operator.find(*page(state(DOWN, then + 7200), recent=True, worker="east-0"))
    operator.pass_time(WORD + 1)
    assert kubernetes.told == []


async def test_a_turn_has_one_event_although_its_leader_died_before_the_status_and_the_check_moved(
    kubernetes: Kubernetes,
) -> None:
    begin = kubernetes.clock.time()
    await Operator(kubernetes).find(one(UP, begin))
    first = Operator(kubernetes)
    first.away = True
    await first.find(one(DOWN, begin + 5, previous=UP))
    first.post()
    await Operator(kubernetes).find(one(DOWN, begin + 9))
    assert kubernetes.told == ["Down"]


async def test_a_turn_that_another_leader_wrote_at_the_last_moment_is_told_by_this_one(
    kubernetes: Kubernetes,
) -> None:
    begin = kubernetes.clock.time()
    await Operator(kubernetes).find(one(UP, begin))
    first, second = Operator(kubernetes), Operator(kubernetes)
    await first.find(one(DOWN, begin + 5, previous=UP))
    kubernetes.events.clear()
    second.away = True
    await second.find(one(DOWN, begin + 5, previous=UP))
    # Its write was refused: it looks again.
    second.watch()
    second.away = False
    second.work()
    assert (kubernetes.told, second.writes) == (["Down"], 0)


# A watch that lags behind who led before


async def test_a_turn_that_the_leader_before_told_is_not_told_again_by_one_whose_watch_lagged(
    kubernetes: Kubernetes,
) -> None:
    begin = kubernetes.clock.time()
    await Operator(kubernetes).find(one(UP, begin), one(DOWN, begin + 5, previous=UP))
    first, second = Operator(kubernetes), Operator(kubernetes)
    await first.find(one(UP, begin + 20, previous=DOWN))
    before = kubernetes.status
    # The worker was started anew meanwhile: to it, the Check is Up since then.
    await second.find(one(UP, begin + 29))
    assert second.conflicts == 1
    assert (kubernetes.told, kubernetes.status) == (["Down", "Up"], before)


async def test_turns_after_the_one_that_the_leader_before_told_are_told_by_one_whose_watch_lagged(
    kubernetes: Kubernetes,
) -> None:
    begin = kubernetes.clock.time()
    await Operator(kubernetes).find(one(UP, begin), one(DOWN, begin + 5, previous=UP))
    first, second = Operator(kubernetes), Operator(kubernetes)
    await first.find(one(UP, begin + 20, previous=DOWN))
    second.away = True
    await second.find(one(UP, begin + 29))
    await second.find(one(DOWN, begin + 35, previous=UP))
    await second.find(one(UP, begin + 40, previous=DOWN))
    second.away = False
    second.work()
    assert kubernetes.told == ["Down", "Up", "Down", "Up"]
    assert second.status.last_transition_time == rfc3339_micro(begin + 40)


async def test_the_time_that_the_leader_before_wrote_stays_although_the_watch_lagged(
    kubernetes: Kubernetes,
) -> None:
    begin = kubernetes.clock.time()
    await Operator(kubernetes).find(one(UP, begin), one(DOWN, begin + 5, previous=UP))
    first, second = Operator(kubernetes), Operator(kubernetes)
    await first.find(*page(state(UP, begin + 20, previous=DOWN), state(DOWN, begin + 21, previous=UP)))
    before = kubernetes.status
    await second.find(one(DOWN, begin + 29))
    second.watch()
    second.work()
    assert (kubernetes.told, kubernetes.status) == (["Down", "Up", "Down"], before)
    assert second.writes == 0


async def test_a_write_whose_answer_was_lost_counts_when_it_is_seen(kubernetes: Kubernetes) -> None:
    begin = kubernetes.clock.time()
    operator = Operator(kubernetes)
    await operator.find(one(UP, begin))
    operator.away = True
    await operator.find(one(DOWN, begin + 5, previous=UP))
    write = operator.reporter.due(KEY)
    assert write is not None
    kubernetes.status = write.after
    kubernetes.version += 1
    await operator.find(one(UP, begin + 9, previous=DOWN))
    operator.away = False
    operator.work()
    assert (kubernetes.told, operator.conflicts) == (["Down", "Up"], 1)
    assert operator.status.last_transition_time == rfc3339_micro(begin + 9)


async def test_a_new_check_of_which_another_leader_wrote_the_first_status_keeps_that(
    kubernetes: Kubernetes,
) -> None:
    begin = kubernetes.clock.time()
    first, second = Operator(kubernetes), Operator(kubernetes)
    await first.find(one(DOWN, begin))
    before = kubernetes.status
    await second.find(one(DOWN, begin + 3))
    assert (kubernetes.told, kubernetes.status) == (["Down"], before)


async def test_what_a_worker_tells_after_a_newer_state_is_newer_although_its_clock_was_set_back(
    kubernetes: Kubernetes,
) -> None:
    """The Check had moved to it: its feed begins after what Kubernetes holds, and does not have that."""
    begin = kubernetes.clock.time()
    back = begin - 7200
    await Operator(kubernetes).find(one(UP, begin))
    missed = [
        state(UP, begin + 60),
        state(DOWN, back + 70, previous=UP),
        state(UP, back + 90, previous=DOWN),
    ]
    after = Operator(kubernetes)
    await after.find(*page(*missed, worker="east-1"))
    assert sorted(kubernetes.told) == ["Down", "Up"]
    assert after.status.last_transition_time == rfc3339_micro(back + 90)


async def test_what_a_worker_found_that_was_started_anew_is_newer_although_its_clock_is_behind(
    kubernetes: Kubernetes,
) -> None:
    begin = kubernetes.clock.time()
    back = begin - 7200
    await Operator(kubernetes).find(one(UP, begin))
    missed = [state(DOWN, back + 20), state(UP, back + 30, previous=DOWN)]
    await Operator(kubernetes).find(*page(*missed, worker="east-1", behind=7200.0))
    assert sorted(kubernetes.told) == ["Down", "Up"]
    assert kubernetes.status is not None
    assert kubernetes.status.last_transition_time == rfc3339_micro(back + 30)


async def test_an_event_is_of_the_time_when_it_was_whenever_it_is_told(kubernetes: Kubernetes) -> None:
    begin = kubernetes.clock.time()
    await Operator(kubernetes).find(one(UP, begin), one(DOWN, begin + 5, previous=UP))
    kubernetes.events.clear()
    kubernetes.clock.advance(60)
    # No worker says anything any more.
    Operator(kubernetes).pass_time(WORD)
    told, unknown = kubernetes.events.values()
    assert (told.reason, unknown.reason) == ("Down", "Unknown")
    document = event_document(told, instance="operator-1", now=kubernetes.clock.time())
    assert document["eventTime"] == rfc3339_micro(begin + 5)
    early = event_document(told, instance="operator-1", now=begin)
    assert early["eventTime"] == rfc3339_micro(begin)
