"""The judge of the chaos is itself above doubt: a seed repeats, and each wrong is found."""

from dataclasses import replace
from typing import Any

from tests.chaos.judge import Evidence, violations
from tests.chaos.schedule import DWELL, PERIOD, Action, What, schedule
from tests.chaos.truth import Subject, Turn

CHECK: dict[str, Any] = {
    "metadata": {"uid": "u", "generation": 1},
    "status": {"verdict": "Up", "observedGeneration": 1},
}


def times(*, until: float = 60.0) -> list[float]:
    return [float(at) for at in range(1, int(until), PERIOD)]


def evidence(**changes: Any) -> Evidence:
    found = Evidence(
        subjects=[Subject(name="a")],
        checks={"a": CHECK},
        hits={"/a/1": times()},
        quiet=45.0,
        end=60.0,
        series={"east-0": ["a"]},
    )
    return replace(found, **changes)


def test_a_seed_gives_the_same_schedule_each_time_and_another_gives_another() -> None:
    first, again, other = (schedule(seed, checks=100, seconds=30.0) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_kind_of_fault_is_in_every_schedule() -> None:
    for seed in range(20):
        assert {action.what for action in schedule(seed, checks=100, seconds=30.0)} >= set(What) - {
            What.RECOVER
        }


def test_a_server_fails_for_long_enough_to_be_seen_and_its_check_is_left_alone() -> None:
    actions = schedule(3, checks=100, seconds=30.0)
    failed = {one.subject: one.at for one in actions if one.what is What.FAIL}
    for action in actions:
        if action.what is What.RECOVER:
            assert action.at >= failed[action.subject] + DWELL
    assert not failed.keys() & {subject for subject in map(touched, actions) if subject is not None}


def touched(action: Action) -> int | None:
    return action.subject if action.what in {What.CREATE, What.CHANGE, What.DELETE} else None


def test_what_is_as_it_should_be_is_no_violation() -> None:
    assert violations(evidence()) == []


def test_a_wrong_status_is_found() -> None:
    down = CHECK | {"status": {"verdict": "Down", "observedGeneration": 1}}
    assert violations(evidence(checks={"a": down})) == ["a is Down, and in truth Up"]


def test_a_gap_and_a_stretch_of_doubles_are_found() -> None:
    gap = [at for at in times() if not 20 < at < 33]
    assert violations(evidence(hits={"/a/1": gap})) == ["a was not probed for 15.0 s"]
    doubled = sorted(times() + [at + 0.2 for at in times() if 10 < at < 25])
    assert violations(evidence(hits={"/a/1": doubled})) == ["a was probed twice for 9.0 s"]


def test_a_deleted_check_that_is_probed_or_shown_is_found() -> None:
    found = violations(evidence(subjects=[Subject(name="a", deleted=20.0)], checks={}))
    assert found == ["a was deleted and is still probed (5 times)", "a was deleted and has series in east-0"]


def test_an_old_url_that_is_still_probed_is_found() -> None:
    found = violations(evidence(subjects=[Subject(name="a", version=2)]))
    assert "/a/1 is probed, and /a/2 should be" in found


def flipped(**changes: Any) -> list[str]:
    """What is wrong with the Events of a Check that was Down, and is Up."""
    subject = Subject(name="a", turns=[Turn(10.0, "Down"), Turn(30.0, "Up")])
    return violations(evidence(subjects=[subject], **changes))


def test_an_event_told_twice_or_not_at_all_is_found() -> None:
    assert flipped(events={"u": ["Down", "Up"]}) == []
    assert flipped(events={"u": ["Down", "Down", "Up"]})
    assert flipped(events={"u": ["Down", "Up", "Up"]})
    assert flipped(events={"u": ["Up", "Down"]})
    assert flipped(events={"u": ["Down"]})
    assert flipped()


def test_a_turn_that_only_a_dead_worker_knew_of_is_excused_but_not_a_last_word_that_is_wrong() -> None:
    assert flipped(deaths=[20.0, 31.0]) == []
    assert flipped(events={"u": ["Down"]}, deaths=[20.0, 31.0])
    assert flipped(events={"u": ["Up", "Up"]}, deaths=[20.0, 31.0])


def test_what_is_left_over_and_what_is_missing_are_found() -> None:
    found = violations(evidence(made=["secrets/old"], wanted=["secrets/new"], leaders=2))
    assert found == ["secrets/old is left over", "secrets/new is not there", "2 operators lead"]
