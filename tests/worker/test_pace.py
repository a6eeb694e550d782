"""The pace: a backlog becomes a steady stream, never a burst."""

from hypothesis import given
from hypothesis import strategies as st

from pollwatch.worker.pace import HEADROOM, LARGEST_BATCH, SLOWEST, Pace


@given(
    rate=st.floats(0.0, 50_000.0),
    waits=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=200),
)
def test_no_backlog_starts_faster_than_twice_the_steady_rate(rate: float, waits: list[float]) -> None:
    pace = Pace(0.0)
    now, starts = 0.0, 0
    for wait in waits:
        now += wait
        batch = pace.allowance(now, rate)
        pace.spend(batch)
        starts += batch
        assert 0 <= batch <= LARGEST_BATCH
    assert starts <= LARGEST_BATCH + now * max(SLOWEST, HEADROOM * rate) + 1


def test_a_few_probes_that_are_due_together_start_together() -> None:
    assert Pace(0.0).allowance(0.0, 0.1) >= 10


@given(rate=st.floats(1.0, 10_000.0))
def test_the_steady_rate_is_always_kept_up_with(rate: float) -> None:
    pace = Pace(0.0)
    starts = 0
    for tick in range(1, 201):
        batch = pace.allowance(tick * 0.005, rate)
        pace.spend(batch)
        starts += batch
    assert starts >= rate * 1.0
