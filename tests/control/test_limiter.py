"""A token bucket lets a burst through, then a steady rate."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.control.limiter import Budgets, TokenBucket
from tests.support.clock import FakeClock, run_in_fake_time


def test_a_burst_passes_at_once_and_what_follows_is_spaced() -> None:
    clock = FakeClock()
    bucket = TokenBucket(rate=2.0, burst=3.0, clock=clock)
    assert [bucket.reserve() for _ in range(5)] == [0.0, 0.0, 0.0, 0.5, 1.0]


def test_unused_time_is_saved_up_to_the_burst_and_no_further() -> None:
    clock = FakeClock()
    bucket = TokenBucket(rate=2.0, burst=3.0, clock=clock)
    clock.advance(3600)
    assert [bucket.try_take() for _ in range(4)] == [True, True, True, False]


def test_who_is_asked_to_wait_lets_nothing_through_meanwhile() -> None:
    clock = FakeClock()
    bucket = TokenBucket(rate=10.0, burst=10.0, clock=clock)
    bucket.pause(5.0)
    clock.advance(4.9)
    assert not bucket.try_take()
    clock.advance(0.3)
    assert bucket.try_take()


def test_those_who_wait_are_let_through_at_the_rate() -> None:
    clock = FakeClock()

    async def take_all() -> list[float]:
        bucket = TokenBucket(rate=4.0, burst=1.0, clock=clock)
        started = clock.monotonic()
        passed = []
        for _ in range(4):
            await bucket.take(asyncio.sleep)
            passed.append(clock.monotonic() - started)
        return passed

    assert run_in_fake_time(clock, take_all()) == pytest.approx([0.0, 0.25, 0.5, 0.75])


@given(st.floats(0.1, 1000), st.integers(1, 100), st.lists(st.floats(0, 10), max_size=50))
def test_over_any_time_no_more_passes_than_burst_and_rate_allow(
    rate: float, burst: int, steps: list[float]
) -> None:
    clock = FakeClock()
    bucket = TokenBucket(rate=rate, burst=float(burst), clock=clock)
    passed = 0
    for step in steps:
        clock.advance(step)
        passed += sum(bucket.try_take() for _ in range(burst + 1))
    assert passed <= burst + rate * sum(steps) + 1e-6


def test_the_wait_for_a_token_is_known_without_taking_one() -> None:
    clock = FakeClock()
    bucket = TokenBucket(rate=2.0, burst=1.0, clock=clock)
    assert bucket.wait() == 0.0
    assert bucket.try_take()
    assert bucket.wait() == 0.5
    clock.advance(0.5)
    assert bucket.wait() == 0.0


def test_each_of_many_has_a_budget_and_the_least_lately_used_are_forgotten() -> None:
    budgets = Budgets(rate=1.0, burst=1.0, most=2, clock=FakeClock())
    assert budgets.of("a").try_take()
    assert budgets.of("b").try_take()
    assert not budgets.of("a").try_take()
    assert budgets.of("c").try_take()
    assert not budgets.of("a").try_take()
    assert budgets.of("b").try_take()
