"""A key is in the queue once, is worked on by one, and comes back when there is reason to."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.control.work_queue import BACKOFF_LIMIT, WorkQueue, backoff


class FakeTimer:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Timers:
    """Timers that the test lets run off."""

    def __init__(self) -> None:
        self.timers: list[FakeTimer] = []

    def call_later(self, _: float, call: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(call)
        self.timers.append(timer)
        return timer

    def run_off(self) -> None:
        due, self.timers = self.timers, []
        for timer in due:
            if not timer.cancelled:
                timer.call()


@pytest.fixture
def timers() -> Timers:
    return Timers()


@pytest.fixture
def queue(timers: Timers) -> WorkQueue[str]:
    return WorkQueue(random=lambda: 1.0, call_later=timers.call_later)


async def test_a_key_that_waits_is_not_queued_again(queue: WorkQueue[str]) -> None:
    for key in ("a", "b", "a"):
        queue.add(key)
    assert [await queue.get(), await queue.get()] == ["a", "b"]
    assert len(queue) == 0


async def test_a_key_that_is_worked_on_comes_back_afterwards_and_not_before(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert await queue.get() == "a"


async def test_who_waits_for_a_key_gets_it_when_it_comes(queue: WorkQueue[str]) -> None:
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    assert await waiting == "a"


async def test_each_failure_doubles_the_time_until_the_next_try(
    queue: WorkQueue[str], timers: Timers
) -> None:
    delays = []
    queue.add("a")
    for _ in range(4):
        delays.append(queue.retry(await queue.get()))
        timers.run_off()
    assert delays == [0.5, 1.0, 2.0, 4.0]


async def test_a_success_makes_the_next_failure_a_first_one(queue: WorkQueue[str], timers: Timers) -> None:
    queue.add("a")
    queue.retry(await queue.get())
    timers.run_off()
    queue.done(await queue.get())
    queue.add("a")
    assert queue.retry(await queue.get()) == 0.5


async def test_a_server_that_asks_to_wait_longer_is_obeyed(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert queue.retry(await queue.get(), after=17.0) == 17.0


async def test_a_queue_is_joined_when_its_last_key_is_done(queue: WorkQueue[str]) -> None:
    queue.add("a")
    key = await queue.get()
    joining = asyncio.create_task(queue.join())
    await asyncio.sleep(0)
    assert not joining.done()
    queue.done(key)
    await joining


async def test_closing_cancels_what_is_held_back(queue: WorkQueue[str], timers: Timers) -> None:
    queue.add("a")
    queue.retry(await queue.get())
    queue.close()
    timers.run_off()
    assert len(queue) == 0


@given(st.integers(1, 1000), st.floats(0.0, 1.0, exclude_max=True))
def test_backoff_is_bounded_and_spread_over_half_a_step(failures: int, jitter: float) -> None:
    delay = backoff(failures, jitter=jitter)
    full = backoff(failures, jitter=1.0)
    assert full / 2 <= delay <= full <= BACKOFF_LIMIT


@given(st.lists(st.sampled_from(["add a", "add b", "get", "done"]), max_size=40))
def test_whatever_happens_no_key_is_worked_on_twice_at_once_and_none_is_lost(actions: list[str]) -> None:
    async def play() -> None:
        queue: WorkQueue[str] = WorkQueue(random=lambda: 0.0, call_later=Timers().call_later)
        working: list[str] = []
        owed: set[str] = set()
        for action in actions:
            if action.startswith("add"):
                queue.add(action[-1])
                owed.add(action[-1])
            elif action == "get" and len(queue):
                key = await queue.get()
                assert key not in working
                working.append(key)
                owed.discard(key)
            elif action == "done" and working:
                queue.done(working.pop(0))
        while working:
            queue.done(working.pop())
        while len(queue):
            owed.discard(await queue.get())
        assert not owed

    asyncio.run(play())


async def test_a_key_for_which_it_is_too_early_comes_back_then_and_no_earlier(
    queue: WorkQueue[str], timers: Timers
) -> None:
    queue.add("a")
    assert await queue.get() == "a"
    queue.postpone("a", 5.0)
    queue.add("a")
    assert len(queue) == 0
    assert queue.idle
    timers.run_off()
    assert await queue.get() == "a"
    queue.done("a")
    queue.add("a")
    assert len(queue) == 1


async def test_a_key_whose_work_was_broken_off_comes_back_at_once(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert await queue.get() == "a"
    queue.abandon("a")
    assert await queue.get() == "a"


async def test_a_postponed_key_that_is_forgotten_can_be_added_again(
    queue: WorkQueue[str], timers: Timers
) -> None:
    queue.add("a")
    await queue.get()
    queue.postpone("a", 5.0)
    queue.forget("a")
    timers.run_off()
    assert len(queue) == 0
    queue.add("a")
    assert len(queue) == 1


async def test_what_failed_comes_back_at_once_when_the_cause_is_over_and_what_is_too_early_does_not(
    queue: WorkQueue[str], timers: Timers
) -> None:
    for key in ("failed", "early"):
        queue.add(key)
        await queue.get()
    queue.retry("failed")
    queue.postpone("early", 5.0)
    queue.hurry()
    assert len(queue) == 1
    assert await queue.get() == "failed"
    timers.run_off()
    assert await queue.get() == "early"
