"""Conditions change their time when their status flips, and at no other time."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pollwatch.control.conditions import Condition, merge_conditions, read_condition, rfc3339

STATUSES = st.sampled_from(["True", "False", "Unknown"])


def conditions(time: str) -> st.SearchStrategy[Condition]:
    return st.builds(
        Condition,
        type=st.just("Accepted"),
        status=STATUSES,
        reason=st.sampled_from(["Accepted", "InvalidSpec"]),
        message=st.text(max_size=5),
        observed_generation=st.integers(1, 3),
        last_transition_time=st.just(time),
    )


@given(st.lists(conditions("2016-11-08T20:00:00Z"), min_size=1, max_size=8))
def test_over_any_history_the_time_is_that_of_the_last_flip(history: list[Condition]) -> None:
    held: tuple[Condition, ...] = ()
    flipped = ""
    for hour, wanted in enumerate(history):
        now = rfc3339(hour * 3600.0)
        before = held[0].status if held else None
        step = Condition(
            type=wanted.type,
            status=wanted.status,
            reason=wanted.reason,
            message=wanted.message,
            observed_generation=wanted.observed_generation,
            last_transition_time=now,
        )
        held = merge_conditions(held, (step,))
        if before != wanted.status:
            flipped = now
        assert held[0].last_transition_time == flipped
        assert (held[0].reason, held[0].message) == (wanted.reason, wanted.message)


@given(conditions("2016-11-08T20:00:00Z"))
def test_a_condition_survives_the_way_to_the_api_server_and_back(condition: Condition) -> None:
    assert read_condition(condition.document()) == condition


def test_a_condition_of_a_type_that_is_not_reported_any_more_goes() -> None:
    old = read_condition({"type": "Synced", "status": "True"})
    assert merge_conditions((old,), ()) == ()


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_times_are_written_as_kubernetes_reads_them(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert datetime.fromisoformat(rfc3339(aware.timestamp())) == aware.replace(microsecond=0)
