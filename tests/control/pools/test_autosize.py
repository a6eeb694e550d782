"""A pool is as big as its load, and does not swing."""

from hypothesis import given
from hypothesis import strategies as st

from pollwatch.api.pool import AutoSize
from pollwatch.control.pools.autosize import SETTLE, SHRINK_AFTER, Load, Size, decide

AUTOSIZE = AutoSize.model_validate({"targetUtilisationPercent": 50, "min": 1, "max": 10})


def load(cores: float, lateness: float = 0.0, measured: float = 0.0) -> Load:
    return Load(planned=cores, measured=measured, lateness=lateness)


def run(cores: float, workers: int, seconds: float, lateness: float = 0.0) -> list[int]:
    """How many workers there are every 10 s under a steady load."""
    size, sizes = Size(workers=workers, changed_at=0.0), []
    for second in range(0, int(seconds), 10):
        size = decide(AUTOSIZE, load(cores, lateness), size, now=float(second))
        sizes.append(size.workers)
    return sizes


def test_a_new_pool_begins_as_big_as_its_checks_should_need() -> None:
    assert decide(AUTOSIZE, load(1.4), None, now=0.0).workers == 3


def test_an_empty_pool_has_its_minimum() -> None:
    assert decide(AutoSize(min=2, max=4), load(0.0), None, now=0.0).workers == 2


def test_it_grows_at_most_twofold_and_lets_each_step_settle() -> None:
    sizes = run(cores=4.4, workers=2, seconds=300)
    assert sizes[0] == 2
    assert sorted(set(sizes)) == [2, 4, 8, 9]
    assert sizes.count(4) * 10 >= SETTLE


def test_what_workers_use_counts_when_it_is_more_than_was_foreseen() -> None:
    size = decide(AUTOSIZE, load(0.4, measured=1.9), Size(workers=3, changed_at=0.0), now=SETTLE)
    assert size.workers == 4


def test_late_probes_ask_for_a_worker_more_whatever_is_used() -> None:
    assert run(cores=0.5, workers=2, seconds=SETTLE + 20, lateness=1.0)[-1] == 3


def test_it_shrinks_by_one_when_fewer_have_been_enough_for_long() -> None:
    sizes = run(cores=0.3, workers=3, seconds=SETTLE + SHRINK_AFTER + 20)
    assert sizes[-2:] == [2, 2]
    assert sizes[int(SHRINK_AFTER // 10) - 1] == 3


def test_a_load_near_the_limit_does_not_make_it_swing() -> None:
    assert set(run(cores=0.95, workers=2, seconds=7200)) == {2}


def test_it_follows_new_bounds_at_once() -> None:
    assert decide(AutoSize(min=5, max=6), load(0.1), Size(workers=2, changed_at=0.0), now=1.0).workers == 5


@given(
    cores=st.floats(0, 40),
    lateness=st.floats(0, 2),
    workers=st.integers(1, 64),
    now=st.floats(0, 1e6),
)
def test_it_never_leaves_its_bounds(cores: float, lateness: float, workers: int, now: float) -> None:
    size = decide(AUTOSIZE, load(cores, lateness), Size(workers=workers, changed_at=0.0), now=now)
    assert 1 <= size.workers <= 10
