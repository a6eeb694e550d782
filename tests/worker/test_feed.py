"""The feed: nothing is lost unseen."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.plan.checks import CheckKey
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.worker.feed import Feed
from tests.support.clock import FakeClock


def make_state(number: int) -> CheckState:
    return CheckState(
        key=CheckKey("public-sites", f"check-{number}"),
        uid="uid",
        generation=1,
        verdict=Verdict.UP,
        previous=Verdict.UNKNOWN,
        since=float(number),
        at=float(number),
        total=1,
        up=1,
    )


def filled(states: int, *, capacity: int = 100) -> Feed:
    feed = Feed(clock=FakeClock(), capacity=capacity, instance="one")
    for number in range(1, states + 1):
        assert feed.publish(make_state(number)) == number
    return feed


@given(
    states=st.integers(0, 50),
    capacity=st.integers(1, 20),
    limit=st.integers(1, 20),
    behind=st.integers(0, 50),
)
def test_paging_from_any_cursor_gives_every_state_once_or_says_it_is_lost(
    states: int, capacity: int, limit: int, behind: int
) -> None:
    feed = filled(states, capacity=capacity)
    cursor = start = max(0, states - behind)
    seen: list[int] = []
    lost = 0
    while True:
        page = feed.read(cursor, limit)
        lost += page.lost
        if not page.entries:
            break
        assert len(page.entries) <= limit
        assert all(entry.state.at == entry.cursor for entry in page.entries)
        seen += [entry.cursor for entry in page.entries]
        cursor = page.cursor
    assert cursor == states
    assert seen == list(range(start + lost + 1, states + 1))
    assert lost == max(0, states - start - capacity)


def test_a_reader_that_is_up_to_date_gets_an_empty_page_and_keeps_its_cursor() -> None:
    page = filled(3).read(3)
    assert page.entries == ()
    assert page.cursor == 3
    assert page.lost == 0


def test_a_reader_that_was_away_too_long_is_told_how_much_it_missed() -> None:
    page = filled(250).read(50)
    assert page.lost == 100
    assert page.entries[0].cursor == 151


def test_a_cursor_of_an_older_instance_gets_everything() -> None:
    page = filled(3).read(4_711)
    assert page.instance == "one"
    assert [entry.cursor for entry in page.entries] == [1, 2, 3]
    assert page.lost == 0


def test_two_feeds_are_told_apart() -> None:
    assert Feed(clock=FakeClock()).instance != Feed(clock=FakeClock()).instance


async def test_a_waiting_reader_goes_on_as_soon_as_there_is_a_state() -> None:
    feed = filled(3)
    readers = [asyncio.create_task(feed.wait(3)) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(reader.done() for reader in readers)
    feed.publish(make_state(4))
    await asyncio.wait_for(asyncio.gather(*readers), timeout=30)


async def test_a_reader_that_is_behind_does_not_wait() -> None:
    await asyncio.wait_for(filled(3).wait(2), timeout=30)


async def test_a_reader_that_gives_up_does_not_disturb_the_others() -> None:
    feed = filled(3)
    impatient, patient = (asyncio.create_task(feed.wait(3)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    feed.publish(make_state(4))
    await asyncio.wait_for(patient, timeout=30)


@pytest.mark.parametrize(("capacity", "limit"), [(0, 1), (1, 0)])
def test_sizes_below_one_are_refused(capacity: int, limit: int) -> None:
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        Feed(clock=FakeClock(), capacity=capacity).read(0, limit)


@given(
    script=st.lists(st.booleans(), max_size=40),
    capacity=st.integers(1, 20),
    limit=st.integers(1, 20),
)
def test_notices_move_the_cursor_and_are_no_states(script: list[bool], capacity: int, limit: int) -> None:
    feed = Feed(clock=FakeClock(), capacity=capacity)
    for number, is_state in enumerate(script, 1):
        if is_state:
            feed.publish(make_state(number))
        else:
            feed.notice()
    kept = [number for number, is_state in enumerate(script, 1) if is_state][-capacity:]
    kept = [number for number in kept if number > len(script) - capacity]
    cursor, seen = max(0, len(script) - capacity), []
    while cursor != feed.cursor:
        page = feed.read(cursor, limit)
        assert page.cursor > cursor
        assert page.lost == 0
        seen += [entry.cursor for entry in page.entries]
        cursor = page.cursor
    assert seen == kept
    states, lost = feed.since(0)
    assert [state.at for state in states] == kept
    assert lost == max(0, len(script) - capacity)
    assert len(feed) == min(len(script), capacity)


async def test_a_notice_wakes_who_waits() -> None:
    feed = filled(3)
    waiting = asyncio.create_task(feed.wait(3))
    await asyncio.sleep(0)
    assert not waiting.done()
    feed.notice()
    await asyncio.wait_for(waiting, 30)
