"""The judge of the chaos is itself above doubt: a seed repeats, and each wrong is found."""

from dataclasses import replace
from typing import Any

from tests.chaos.judge import STARTS_WITHIN, Cut, Death, Evidence, Hit, Outage, violations
from tests.chaos.schedule import DWELL, PERIOD, Action, What, schedule
from tests.chaos.truth import Subject, Turn

CHECK: dict[str, Any] = {
    "metadata": {"uid": "u", "generation": 1},
    "status": {"verdict": "Up", "observedGeneration": 1},
}


def hits(*, after: float = 0.0, until: float = 60.0, worker: int = 0) -> list[Hit]:
    """On time, between two moments."""
    return [Hit(float(at), worker) for at in range(1, 60, PERIOD) if after < at < until]


def evidence(**changes: Any) -> Evidence:
    found = Evidence(
        subjects=[Subject(name="a")],
        checks={"a": CHECK},
        hits={"/a/1": hits()},
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


def gap(begin: float, end: float, **changes: Any) -> list[str]:
    """What is wrong when nobody probed between two moments."""
    return violations(evidence(hits={"/a/1": [*hits(until=begin), *hits(after=end)]}, **changes))


def test_a_gap_is_found() -> None:
    assert gap(20, 24) == []
    assert gap(20, 27) == ["a was not probed for 9.0 s"]


def test_a_worker_that_was_killed_has_the_time_to_start_and_no_more() -> None:
    killed = [Death(20.0, 0)]
    assert gap(20, 27, deaths=killed) == []
    assert gap(20, 33, deaths=killed) == ["a was not probed for 15.0 s"]
    assert gap(20, 27, deaths=[Death(20.0, 1)]), "another one's death is no excuse"
    assert gap(20, 30, deaths=[*killed, Death(20.0 + STARTS_WITHIN, 0)]) == []
    assert gap(20, 36, deaths=[*killed, Death(20.0 + STARTS_WITHIN, 0)])


def test_what_the_machine_kept_waiting_is_not_blamed_on_who_waited_and_no_more_than_that() -> None:
    def waited(begin: float, end: float) -> float:
        return max(0.0, min(end, 26.0) - max(begin, 23.0))

    assert gap(20, 27, waited=waited) == []
    assert gap(20, 33, waited=waited) == ["a was not probed for 15.0 s"]
    assert gap(33, 42, waited=waited), "the machine had time then"


def handed_over(at: float, *, first: float, **changes: Any) -> list[str]:
    """What is wrong when one worker probed until a moment, and another one from a moment."""
    both = sorted([*hits(until=at), *(Hit(hit + 0.1, 1) for hit, _ in hits(after=first))])
    return violations(evidence(hits={"/a/1": both}, **changes))


def test_a_check_that_two_workers_probe_for_more_than_a_period_is_found() -> None:
    assert handed_over(20, first=18) == []
    assert handed_over(23, first=18) == []
    assert handed_over(30, first=18) == ["a was probed by two workers for 8.9 s"]
    assert handed_over(30, first=18, waited=lambda _begin, _end: 5.0) == []


def test_a_worker_that_probes_at_once_what_changed_is_not_two() -> None:
    soon = sorted([*hits(), *(Hit(at + 0.2, 0) for at, _ in hits() if 10 < at < 25)])
    assert violations(evidence(hits={"/a/1": soon})) == []


def test_a_leader_that_died_between_the_one_and_the_other_is_no_excuse_for_the_next() -> None:
    assert handed_over(30, first=18, leaders_deaths=[19.0]) == []
    assert handed_over(30, first=18, leaders_deaths=[22.0]) == [], "it had time until then"
    assert handed_over(30, first=18, leaders_deaths=[10.0])
    assert handed_over(30, first=18, leaders_deaths=[25.0])


def test_a_leader_that_died_before_it_came_to_that_is_no_excuse_for_the_one_after_it() -> None:
    assert handed_over(45, first=15, leaders_deaths=[16.5])
    assert handed_over(45, first=15, leaders_deaths=[16.5, 30.0]) == []
    assert handed_over(45, first=15, leaders_deaths=[30.0])


def test_a_leader_may_die_before_the_volume_has_what_it_wrote() -> None:
    assert handed_over(30, first=18, leaders_deaths=[15.0]) == []


def test_who_was_to_lead_next_may_die_too() -> None:
    assert handed_over(45, first=15, leaders_deaths=[16.5], followers_deaths=[21.0]) == []
    assert handed_over(45, first=15, leaders_deaths=[16.5], followers_deaths=[14.0])
    assert handed_over(45, first=15, followers_deaths=[16.5, 21.0])


def test_without_an_api_server_nobody_can_lead_and_no_longer_than_that() -> None:
    away = [Outage(21.0, 29.0)]
    assert handed_over(45, first=15, leaders_deaths=[16.5], outages=away) == []
    assert handed_over(45, first=15, leaders_deaths=[16.5])
    assert handed_over(45, first=15, outages=away), "nobody died"
    assert handed_over(45, first=15, leaders_deaths=[16.5], outages=[Outage(3.0, 12.0)])


def test_a_worker_that_is_killed_before_it_begins_has_learnt_it_before() -> None:
    assert handed_over(40, first=24, leaders_deaths=[17.5], deaths=[Death(21.0, 1)]) == []
    assert handed_over(40, first=24, leaders_deaths=[17.5])
    assert handed_over(40, first=24, leaders_deaths=[17.5], deaths=[Death(16.0, 1)])


def test_a_worker_that_is_killed_while_its_checks_are_handed_over_begins_no_other_handing_over() -> None:
    first, second = hits(until=42), [Hit(at + 0.1, 1) for at, _ in hits(after=18) if not 24 <= at < 26]
    both = {"/a/1": sorted([*first, *second])}
    assert violations(evidence(hits=both, leaders_deaths=[19.0], deaths=[Death(25.0, 1)])) == []
    assert violations(evidence(hits=both, leaders_deaths=[19.0]))
    assert violations(evidence(hits=both, deaths=[Death(25.0, 1)]))


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
    assert flipped(deaths=[Death(20.0, 0), Death(31.0, 0)]) == []
    assert flipped(events={"u": ["Down"]}, deaths=[Death(20.0, 0), Death(31.0, 0)])
    assert flipped(events={"u": ["Up", "Up"]}, deaths=[Death(20.0, 0), Death(31.0, 0)])


def test_an_end_of_what_nobody_could_know_of_is_no_news() -> None:
    killed = [Death(20.0, 0)]
    assert flipped(deaths=killed) == []
    assert flipped(deaths=killed, events={"u": ["Down"]}), "and of what was told, it is"
    subject = Subject(name="a", fails=True, turns=[Turn(10.0, "Down"), Turn(30.0, "Up"), Turn(36.0, "Down")])
    down = {"a": {**CHECK, "status": {**CHECK["status"], "verdict": "Down"}}}
    assert violations(evidence(subjects=[subject], checks=down, deaths=killed)), "the last one is new"


def test_a_check_that_is_as_it_was_before_nobody_knew_took_no_turn() -> None:
    assert flipped(events={"u": ["Down", "Unknown", "Down", "Up"]}) == []
    assert flipped(events={"u": ["Unknown", "Up", "Down", "Up"]}) == []
    assert flipped(events={"u": ["Down", "Down", "Up"]}), "and else it is told twice"
    assert flipped(events={"u": ["Unknown", "Up"]}), "the outage has to be told all the same"


def test_a_turn_is_excused_where_one_thing_after_the_other_kept_all_from_reading_it() -> None:
    killed = [Death(60.0, 0)]
    assert flipped(deaths=killed), "somebody could have read that it was Down"
    assert flipped(deaths=killed, leaders_deaths=[11.0]), "and somebody else in the place of who led"
    cut = Cut(35.0, 61.0, 0)
    assert flipped(deaths=killed, leaders_deaths=[11.0], cuts=[cut]) == []
    assert flipped(deaths=killed, leaders_deaths=[11.0], cuts=[cut._replace(worker=1)])
    assert flipped(deaths=killed, leaders_deaths=[11.0], cuts=[cut._replace(begin=37.0)])


def test_what_is_left_over_and_what_is_missing_are_found() -> None:
    found = violations(evidence(made=["secrets/old"], wanted=["secrets/new"], leaders=2))
    assert found == ["secrets/old is left over", "secrets/new is not there", "2 operators lead"]
