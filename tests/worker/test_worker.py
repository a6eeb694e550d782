"""The worker: what a plan sets in motion, and what is said of it."""

import asyncio
from typing import Any

import pytest

from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe, Resolve, Target, TcpProbe
from pollwatch.plan.samples import Reason
from pollwatch.plan.states import Verdict
from tests.support.plans import make_check, make_sample
from tests.support.worker import WorkerBench

ATTEMPTS = "pollwatch_probe_attempts_total"


def make_check_of_a_host(name: str, **changes: Any) -> CheckPlan:
    """A Check of a host of its own: those of one host are probed first one after the other."""
    return make_check(name, probe=HttpProbe(url=f"https://{name}.example.org/"), **changes)


def test_a_check_is_probed_each_period_and_its_samples_are_counted() -> None:
    bench, check = WorkerBench(), make_check(period=10.0)
    bench.apply(check)
    bench.run(600.0)
    assert 60 <= len(bench.probed) <= 61
    assert list(bench.series_named(ATTEMPTS).values()) == [len(bench.probed)]


def test_the_first_verdict_is_a_transition_from_unknown() -> None:
    bench, check = WorkerBench(), make_check()
    bench.apply(check)
    assert bench.worker.states()[check.key].verdict is Verdict.UNKNOWN
    assert bench.states() == []
    bench.run(30.0)
    (state,) = bench.states()
    assert (state.verdict, state.previous) == (Verdict.UP, Verdict.UNKNOWN)
    assert (state.total, state.up, state.reason) == (1, 1, None)
    assert state == bench.worker.states()[check.key]


def test_a_state_is_made_on_a_change_and_not_per_sample() -> None:
    bench, check = WorkerBench(), make_check()
    bench.apply(check)

    def fail() -> None:
        bench.find = lambda _: make_sample(Reason.CONNECT_REFUSED, address="192.0.2.1", evidence="refused")

    def restore() -> None:
        bench.find = lambda _: make_sample()

    bench.run(60.0, fail, 60.0, restore, 60.0)
    assert bench.verdicts() == [Verdict.UP, Verdict.DOWN, Verdict.UP]
    up, down, restored = bench.states()
    assert (down.previous, down.reason, down.address) == (Verdict.UP, Reason.CONNECT_REFUSED, "192.0.2.1")
    assert down.evidence == "refused"
    assert down.since == down.at > up.at
    assert (restored.previous, restored.reason, restored.evidence) == (Verdict.DOWN, None, "")


def test_a_prober_that_cannot_see_says_unknown_and_not_down() -> None:
    bench, check = WorkerBench(), make_check()
    bench.apply(check)

    def exhaust() -> None:
        bench.find = lambda _: make_sample(Reason.RESOURCES_EXHAUSTED)

    bench.run(30.0, exhaust, 30.0)
    assert bench.verdicts() == [Verdict.UP, Verdict.UNKNOWN]
    assert bench.states()[-1].reason is Reason.RESOURCES_EXHAUSTED


def test_the_listener_hears_every_sample_with_the_verdict_after_it() -> None:
    bench, check = WorkerBench(), make_check()
    bench.apply(check)
    bench.run(100.0)
    assert bench.heard == [(None, Verdict.UP)] * len(bench.probed)


def test_targets_are_shown_with_their_last_sample_and_their_next_probe() -> None:
    bench, check = WorkerBench(), make_check(period=10.0)
    bench.apply(check)
    (before,) = bench.worker.targets(check.key)
    assert (before.address, before.verdict, before.sample) == (None, Verdict.UNKNOWN, None)
    bench.run(30.0)
    (after,) = bench.worker.targets(check.key)
    assert after.verdict is Verdict.UP
    assert after.sample is not None
    assert 0 < after.due - bench.clock.time() <= 10.0
    with pytest.raises(KeyError):
        bench.worker.targets(CheckKey("public-sites", "nowhere"))


def test_a_url_that_is_none_is_its_own_affair() -> None:
    bench = WorkerBench()
    bench.apply(make_check(probe=HttpProbe(url="http://[broken")), make_check("sound"))
    bench.run(20.0)
    assert {target.check.key.name for target in bench.probed} == {"front-page", "sound"}


def test_an_unchanged_check_goes_on_undisturbed() -> None:
    bench, check = WorkerBench(), make_check(period=10.0)
    bench.apply(check)
    bench.run(*(step for _ in range(600) for step in (0.1, lambda: bench.apply(make_check(period=10.0)))))
    assert 6 <= len(bench.probed) <= 7
    assert bench.cancelled == 0
    assert list(bench.series_named(ATTEMPTS).values()) == [len(bench.probed)]


def test_a_check_that_leaves_the_plan_takes_its_probe_and_its_series_along_at_once() -> None:
    bench = WorkerBench()
    gone, kept = make_check("gone", period=3_600.0), make_check("kept", period=3_600.0)
    bench.takes = lambda _: 4.0
    bench.apply(gone, kept)
    left: list[int] = []

    def remove() -> None:
        bench.apply(kept)
        left.append(len(bench.series_named(ATTEMPTS)))

    bench.run(2.0, remove, 10.0)
    assert left == [1]
    assert bench.cancelled == 1
    assert list(bench.worker.states()) == [kept.key]
    assert [state.key for state in bench.states()] == [kept.key]


def test_a_check_made_again_under_its_name_is_another_one() -> None:
    bench, check = WorkerBench(), make_check(period=10.0)
    bench.apply(check)
    bench.run(100.0, lambda: bench.apply(make_check(period=10.0, uid="another")), 10.0)
    assert list(bench.series_named(ATTEMPTS).values()) != [len(bench.probed)]
    assert [(state.uid, state.previous) for state in bench.states()] == [
        (check.uid, Verdict.UNKNOWN),
        ("another", Verdict.UNKNOWN),
    ]


def test_new_labels_begin_new_series_without_disturbing_a_probe() -> None:
    bench, check = WorkerBench(), make_check(period=3_600.0)
    bench.takes = lambda _: 4.0
    bench.apply(check)
    bench.run(2.0, lambda: bench.apply(make_check(period=3_600.0, labels=(("team", "web"),))), 10.0)
    assert bench.cancelled == 0
    ((labels, attempts),) = bench.series_named(ATTEMPTS).items()
    assert 'team="web"' in labels
    assert attempts == 1
    ((labels, _),) = bench.series_named("pollwatch_check_targets").items()
    assert 'team="web"' in labels


def test_a_changed_probe_is_tried_soon_keeps_its_phase_its_verdict_and_its_counters() -> None:
    bench, check = WorkerBench(), make_check(period=600.0)
    changed = make_check(
        period=600.0, generation=2, probe=HttpProbe(url="https://www.example.org/", method="HEAD")
    )
    bench.apply(check)
    due: list[float] = []

    def change() -> None:
        due.append(bench.worker.targets(check.key)[0].due)
        bench.apply(changed)

    bench.run(700.0, change, 1.0)
    assert bench.probed[-1] == Target(changed)
    (view,) = bench.worker.targets(check.key)
    assert (view.due - due[0]) % 600.0 == pytest.approx(0.0, abs=1e-3)
    assert bench.verdicts() == [Verdict.UP]
    assert bench.worker.states()[check.key].generation == 2
    assert list(bench.series_named(ATTEMPTS).values()) == [len(bench.probed)]


def test_a_changed_probe_cancels_the_one_under_way() -> None:
    bench = WorkerBench()
    bench.takes = lambda _: 4.0
    bench.apply(make_check(period=600.0))
    changed = make_check(period=600.0, probe=HttpProbe(url="https://www.example.org/", method="HEAD"))
    bench.run(2.0, lambda: bench.apply(changed), 10.0)
    assert bench.cancelled == 1
    assert [target.check for target in bench.probed] == [make_check(period=600.0), changed]
    assert list(bench.series_named(ATTEMPTS).values()) == [1]


def test_a_shorter_period_is_followed() -> None:
    bench = WorkerBench()
    bench.apply(make_check(period=600.0))
    bench.run(10.0, lambda: bench.apply(make_check(period=10.0)), 100.0)
    assert 10 <= len(bench.probed) <= 13


def test_another_destination_or_way_to_resolve_starts_from_nothing_known() -> None:
    bench, check = WorkerBench(), make_check(resolve=Resolve.EACH_ADDRESS)
    bench.resolve_to("192.0.2.1", "192.0.2.2")
    bench.apply(check)
    to_any = make_check()
    elsewhere = make_check(target="db.example.org:5432", probe=TcpProbe(host="db.example.org", port=5432))
    seen: list[object] = []
    bench.run(
        30.0,
        lambda: bench.apply(to_any),
        lambda: seen.append([(view.address, view.verdict) for view in bench.worker.targets(check.key)]),
        30.0,
        lambda: bench.apply(elsewhere),
        lambda: seen.append([(view.address, view.verdict) for view in bench.worker.targets(check.key)]),
        30.0,
    )
    assert seen == [[(None, Verdict.UNKNOWN)]] * 2
    ((labels, _),) = bench.series_named(ATTEMPTS).items()
    assert 'target="db.example.org:5432"' in labels
    assert bench.states()[-1].verdict is Verdict.UP


def test_another_destination_that_cannot_be_probed_does_not_keep_the_verdict_of_the_former_one() -> None:
    bench = WorkerBench()
    bench.apply(make_check())

    def change() -> None:
        bench.find = lambda _: make_sample(Reason.RESOURCES_EXHAUSTED)
        bench.apply(make_check(target="https://www.example.net/"))

    bench.run(30.0, change, 30.0)
    assert bench.verdicts() == [Verdict.UP, Verdict.UNKNOWN]


def test_a_changed_timeout_is_shown_and_keeps_the_counters() -> None:
    bench, check = WorkerBench(), make_check(timeout=5.0)
    bench.apply(check)
    bench.run(100.0, lambda: bench.apply(make_check(timeout=8.0)), 0.0)
    assert list(bench.series_named("probe_timeout_seconds").values()) == [8.0]
    assert list(bench.series_named(ATTEMPTS).values()) == [len(bench.probed)]


def test_stopping_lets_probes_end_within_the_grace_and_counts_them() -> None:
    bench, check = WorkerBench(), make_check(period=3_600.0)
    bench.takes = lambda _: 4.0
    bench.apply(check)
    bench.run(1.0, grace=10.0)
    assert bench.cancelled == 0
    assert bench.verdicts() == [Verdict.UP]


def test_stopping_cancels_what_does_not_end_in_time_and_leaves_no_task() -> None:
    bench, check = WorkerBench(), make_check(period=3_600.0)
    bench.takes = lambda _: 4.0
    bench.apply(check)
    bench.run(1.0, grace=1.0)
    assert bench.cancelled == 1
    assert bench.worker.in_flight == 0
    assert bench.states() == []


def test_checks_added_before_and_during_a_run_are_all_probed() -> None:
    bench = WorkerBench()
    many = [make_check(f"check-{n}", period=60.0) for n in range(500)]
    bench.apply(*many[:250])
    bench.run(5.0, lambda: bench.apply(*many), 60.0)
    assert {target.check.key for target in bench.probed} == {check.key for check in many}
    assert len(bench.worker.states()) == 500


def test_the_worker_counts_its_own_starts_and_probes_in_flight() -> None:
    bench = WorkerBench()
    bench.takes = lambda _: 4.0
    bench.apply(make_check(period=3_600.0))
    assert bench.worker.in_flight == 0
    in_flight: list[int] = []
    bench.run(1.0, lambda: in_flight.append(bench.worker.in_flight), 10.0)
    assert in_flight == [1]


async def test_a_feed_reader_sees_a_transition_as_it_happens() -> None:
    bench = WorkerBench()
    bench.takes = lambda _: 0.0
    # The real loop: the fake clock stands still just after the first slot.
    bench.apply(make_check())
    bench.clock.advance(0.1)
    running = asyncio.create_task(bench.worker.run())
    await asyncio.wait_for(bench.feed.wait(0), timeout=30)
    assert bench.verdicts() == [Verdict.UP]
    await bench.worker.drain(1.0)
    await running


def test_many_new_checks_are_in_the_plan_at_once_and_probed_without_holding_the_loop() -> None:
    bench = WorkerBench()
    watched = make_check("watched", period=1.0)
    many = [make_check_of_a_host(f"check-{n}", period=600.0) for n in range(1_000)]
    bench.apply(watched)
    known: list[int] = []

    def add() -> None:
        bench.apply(watched, *many)
        known.append(len(bench.worker.states()))
        known.append(len(bench.series_named(ATTEMPTS)))

    bench.run(30.0, add, 30.0)
    assert known[0] == 1_001
    assert known[1] < 200
    assert len(bench.series_named(ATTEMPTS)) == 1_001
    assert {target.check.key for target in bench.probed} == {watched.key, *(check.key for check in many)}


def test_a_check_that_leaves_the_plan_before_it_was_taken_up_is_never_probed() -> None:
    bench = WorkerBench()
    many = [make_check_of_a_host(f"check-{n:04}", period=600.0) for n in range(1_000)]
    bench.apply(*many)
    assert bench.worker.targets(many[-1].key) == ()
    bench.apply(*many[:100])
    bench.run(60.0)
    assert {target.check.key for target in bench.probed} == {check.key for check in many[:100]}
    assert len(bench.worker.states()) == 100


def test_a_check_that_changes_before_it_was_taken_up_is_probed_as_it_is_now() -> None:
    bench = WorkerBench()
    many = [make_check_of_a_host(f"check-{n:04}", period=600.0) for n in range(1_000)]
    changed = make_check_of_a_host("check-0999", period=600.0, generation=2, uid="another")
    bench.apply(*many)
    bench.apply(*many[:-1], changed)
    bench.run(60.0)
    assert [target.check for target in bench.probed if target.check.key == changed.key] == [changed]


def test_many_changed_checks_are_followed_without_holding_the_loop() -> None:
    bench = WorkerBench()
    bench.apply(*(make_check_of_a_host(f"check-{n:04}", timeout=5.0) for n in range(1_000)))
    changed = [make_check_of_a_host(f"check-{n:04}", timeout=8.0) for n in range(1_000)]
    followed: list[int] = []

    def change() -> None:
        bench.apply(*changed)
        followed.append(list(bench.series_named("probe_timeout_seconds").values()).count(8.0))
        assert len(bench.worker.targets(changed[-1].key)) == 1

    bench.run(60.0, change, 30.0)
    assert 0 < followed[0] < 200
    assert set(bench.series_named("probe_timeout_seconds").values()) == {8.0}
    assert set(bench.verdicts()) == {Verdict.UP}


def test_a_check_that_is_changed_back_before_it_was_taken_up_goes_on_undisturbed() -> None:
    bench = WorkerBench()
    many = [make_check_of_a_host(f"check-{n:04}", period=3_600.0) for n in range(1_000)]
    changed = [make_check_of_a_host(f"check-{n:04}", period=3_600.0, timeout=8.0) for n in range(1_000)]
    bench.apply(*many)

    def change_and_change_back() -> None:
        bench.probed.clear()
        bench.apply(*changed)
        bench.apply(
            *changed[:100], *(make_check_of_a_host(check.key.name, period=3_600.0) for check in many[100:])
        )

    bench.run(60.0, change_and_change_back, 10.0)
    assert {target.check.key for target in bench.probed} <= {check.key for check in many[:100]}


def test_a_changed_check_that_leaves_the_plan_before_it_was_taken_up_takes_its_series_along_at_once() -> None:
    bench = WorkerBench()
    bench.apply(*(make_check_of_a_host(f"check-{n:04}", timeout=5.0) for n in range(1_000)))
    left: list[int] = []

    def change_and_leave() -> None:
        bench.apply(*(make_check_of_a_host(f"check-{n:04}", timeout=8.0) for n in range(1_000)))
        bench.apply(make_check("check-0000", timeout=8.0))
        left.append(len(bench.series_named(ATTEMPTS)))

    bench.run(60.0, change_and_leave, 30.0)
    assert left == [1]
    assert len(bench.series_named(ATTEMPTS)) == 1
