"""A Check with `resolve: EachAddress`: every address is its own target."""

from dataclasses import replace

from pollwatch.plan.checks import MAX_ADDRESSES, CheckPlan, Resolve, Target
from pollwatch.plan.samples import Reason, Sample
from pollwatch.plan.states import Verdict
from tests.support.plans import make_check, make_sample
from tests.support.worker import WorkerBench

A, B, C, D = "192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"
ANSWER_500 = make_sample(Reason.UNEXPECTED_STATUS, evidence="500 - Internal server error")
ATTEMPTS = "pollwatch_probe_attempts_total"


def make_each_address(*, period: float = 10.0) -> CheckPlan:
    return make_check(resolve=Resolve.EACH_ADDRESS, period=period)


def attempts(bench: WorkerBench) -> dict[str, float]:
    """Count the attempts by address."""
    return {
        labels.split('address="')[1].split('"')[0]: n for labels, n in bench.series_named(ATTEMPTS).items()
    }


def test_the_first_sample_makes_each_address_a_target_and_counts_for_the_one_it_used() -> None:
    bench, check = WorkerBench(), make_each_address(period=3_600.0)
    bench.resolve_to(A, B, D)
    bench.apply(check)
    bench.run(0.15)
    assert bench.addresses(check.key) == [A, B, D]
    assert attempts(bench) == {A: 1, B: 0, D: 0}


def test_the_other_addresses_are_probed_right_after_they_were_found() -> None:
    bench, check = WorkerBench(), make_each_address(period=3_600.0)
    bench.resolve_to(A, B, D)
    bench.apply(check)
    bench.run(1.0)
    assert bench.probed[0] == Target(check, None)
    assert sorted(target.address or "" for target in bench.probed[1:]) == [B, D]
    assert attempts(bench) == {A: 1, B: 1, D: 1}
    assert bench.states()[-1].up == 3


def test_the_first_verdict_waits_for_a_sample_of_each_address() -> None:
    bench, check = WorkerBench(), make_each_address(period=3_600.0)
    bench.resolve_to(A, B, C, down=[A], failure=ANSWER_500)
    bench.apply(check)
    bench.run(1.0)
    assert [(state.verdict, state.total, state.up) for state in bench.states()] == [(Verdict.DEGRADED, 3, 2)]


def test_the_first_verdict_does_not_wait_for_ever_for_an_address_that_is_never_sampled() -> None:
    bench, check = WorkerBench(), make_each_address(period=10.0)
    bench.resolve_to(A, B)
    bench.takes = lambda target: 10_000.0 if target.address == B else 0.1
    bench.apply(check)
    bench.run(60.0)
    assert [(state.verdict, state.total, state.up) for state in bench.states()] == [(Verdict.UP, 2, 1)]


def test_a_name_that_moves_to_other_addresses_keeps_its_verdict_until_they_are_sampled() -> None:
    bench, check = WorkerBench(), make_each_address()
    bench.resolve_to(A, B)
    bench.apply(check)
    bench.run(60.0, lambda: bench.resolve_to(C, D), 60.0)
    assert bench.addresses(check.key) == [C, D]
    assert bench.verdicts() == [Verdict.UP]


def test_a_name_that_moves_to_other_addresses_is_judged_by_all_of_them_soon() -> None:
    bench, check = WorkerBench(), make_each_address(period=300.0)
    bench.resolve_to(A, B)
    bench.apply(check)
    bench.run(600.0, lambda: bench.resolve_to(C, D, down=[C], failure=ANSWER_500), 340.0)
    assert bench.addresses(check.key) == [C, D]
    assert [(state.verdict, state.total, state.up) for state in bench.states()] == [
        (Verdict.UP, 2, 2),
        (Verdict.DEGRADED, 2, 1),
    ]


def test_an_address_that_refuses_connections_is_named_all_the_same() -> None:
    bench, check = WorkerBench(), make_each_address()
    bench.resolve_to(A, B)
    bench.apply(check)
    refused = make_sample(Reason.CONNECT_REFUSED)

    def refuse(target: Target) -> Sample:
        if target.address == B:
            return replace(refused, address="", resolved=(A, B))
        return replace(make_sample(), address=A, resolved=(A, B))

    def begin_to_refuse() -> None:
        bench.find = refuse

    bench.run(60.0, begin_to_refuse, 30.0)
    state = bench.states()[-1]
    assert (state.verdict, state.reason, state.address) == (Verdict.DEGRADED, Reason.CONNECT_REFUSED, B)


def test_each_address_is_probed_once_a_period() -> None:
    bench, check = WorkerBench(), make_each_address(period=10.0)
    bench.resolve_to(A, B, D)
    bench.apply(check)
    bench.run(1_000.0)
    assert all(100 <= count <= 102 for count in attempts(bench).values())


def test_one_address_failing_is_degraded_and_named() -> None:
    bench, check = WorkerBench(), make_each_address()
    bench.resolve_to(A, B, C)
    bench.apply(check)
    bench.run(60.0, lambda: bench.resolve_to(A, B, C, down=[B], failure=ANSWER_500), 30.0)
    state = bench.states()[-1]
    assert (state.verdict, state.previous) == (Verdict.DEGRADED, Verdict.UP)
    assert (state.total, state.up) == (3, 2)
    assert (state.reason, state.address) == (Reason.UNEXPECTED_STATUS, B)
    assert state.evidence == "500 - Internal server error"


def test_more_addresses_failing_changes_the_counts_but_not_since_when_it_is_degraded() -> None:
    bench, check = WorkerBench(), make_each_address()
    bench.resolve_to(A, B, C)
    bench.apply(check)
    bench.run(
        60.0,
        lambda: bench.resolve_to(A, B, C, down=[B], failure=ANSWER_500),
        30.0,
        lambda: bench.resolve_to(A, B, C, down=[B, C], failure=ANSWER_500),
        30.0,
    )
    before, after = bench.states()[-2:]
    assert (before.verdict, before.up) == (Verdict.DEGRADED, 2)
    assert (after.verdict, after.up, after.previous) == (Verdict.DEGRADED, 1, Verdict.DEGRADED)
    assert after.since == before.since
    assert after.at > before.at


def test_a_recovery_that_leaves_another_address_failing_names_the_one_that_still_fails() -> None:
    bench, check = WorkerBench(), make_each_address()
    bench.resolve_to(A, B, C, down=[B, C], failure=ANSWER_500)
    bench.apply(check)
    bench.run(60.0, lambda: bench.resolve_to(A, B, C, down=[C], failure=ANSWER_500), 30.0)
    state = bench.states()[-1]
    assert (state.verdict, state.up) == (Verdict.DEGRADED, 2)
    assert (state.reason, state.address) == (Reason.UNEXPECTED_STATUS, C)


def test_all_addresses_failing_is_down() -> None:
    bench, check = WorkerBench(), make_each_address()
    bench.resolve_to(A, B, down=[A, B], failure=ANSWER_500)
    bench.apply(check)
    bench.run(30.0)
    assert bench.states()[-1].verdict is Verdict.DOWN


def test_an_address_that_appears_becomes_a_target_and_one_that_goes_takes_its_series_along() -> None:
    bench, check = WorkerBench(), make_each_address()
    bench.resolve_to(A, B)
    bench.apply(check)
    bench.run(60.0, lambda: bench.resolve_to(B, C), 30.0)
    assert bench.addresses(check.key) == [B, C]
    assert sorted(attempts(bench)) == [B, C]
    assert attempts(bench)[C] >= 1


def test_a_sample_of_an_address_that_is_gone_is_dropped() -> None:
    bench, check = WorkerBench(), make_each_address()
    bench.resolve_to(A)
    bench.apply(check)
    bench.run(60.0, bench.heard.clear, lambda: bench.resolve_to(B, down=[A], failure=ANSWER_500), 11.0)
    assert (A, Verdict.DOWN) not in bench.heard
    assert bench.addresses(check.key) == [B]
    assert Verdict.DOWN not in bench.verdicts()


def test_a_name_that_stops_resolving_keeps_its_targets_and_each_of_them_fails() -> None:
    bench, check = WorkerBench(), make_each_address()
    bench.resolve_to(A, B)
    bench.apply(check)

    def lose_the_name() -> None:
        bench.find = lambda _: make_sample(Reason.DNS_NOT_FOUND)

    bench.run(60.0, lose_the_name, 30.0)
    state = bench.states()[-1]
    assert (state.verdict, state.total, state.up) == (Verdict.DOWN, 2, 0)
    assert state.reason is Reason.DNS_NOT_FOUND
    assert bench.addresses(check.key) == [A, B]


def test_a_name_that_never_resolved_is_one_target_that_is_down() -> None:
    bench, check = WorkerBench(), make_each_address()
    bench.find = lambda _: make_sample(Reason.DNS_NOT_FOUND)
    bench.apply(check)
    bench.run(30.0)
    assert bench.addresses(check.key) == [None]
    assert [state.verdict for state in bench.states()] == [Verdict.DOWN]
    assert list(attempts(bench)) == [""]


def test_a_name_with_another_address_each_time_is_not_probed_faster_than_its_period_allows() -> None:
    bench, check = WorkerBench(), make_each_address(period=10.0)
    count = 0

    def find(target: Target) -> Sample:
        nonlocal count
        count += 1
        address = f"192.0.2.{count % 250}"
        return replace(make_sample(), address=target.address or address, resolved=(address,))

    bench.find = find
    bench.apply(check)
    bench.run(1_000.0)
    assert 50 < len(bench.probed) < 400
    assert len(bench.addresses(check.key)) == 1
    assert len(attempts(bench)) == 1


def test_an_older_answer_does_not_undo_a_newer_one() -> None:
    bench, check = WorkerBench(), make_each_address(period=10.0)
    bench.resolve_to(A, B)
    bench.apply(check)
    # A's probes last nearly a period: while B is probed, one of A is under way that began before.
    bench.takes = lambda target: 9.5 if target.address == A else 0.1
    with_c: list[bool] = []

    def find(target: Target) -> Sample:
        if target.address == B:
            bench.resolve_to(A, B, C)
            return bench.find(target)
        return make_sample(address=target.address, resolved=(A, B))

    def let_c_appear_to_b_first() -> None:
        bench.find = find

    def look() -> None:
        with_c.append(C in bench.addresses(check.key))

    bench.run(60.0, let_c_appear_to_b_first, *(step for _ in range(400) for step in (0.1, look)))
    assert with_c[-1]
    assert with_c == sorted(with_c)


def test_no_more_than_64_addresses_are_probed() -> None:
    bench, check = WorkerBench(), make_each_address()
    bench.resolve_to(*(f"198.51.100.{n}" for n in range(100)))
    bench.apply(check)
    bench.run(30.0)
    assert len(bench.addresses(check.key)) == MAX_ADDRESSES
    assert bench.states()[-1].total == MAX_ADDRESSES


def test_a_sample_that_reached_another_host_counts_for_no_address() -> None:
    bench, check = WorkerBench(), make_each_address(period=3_600.0)
    bench.find = lambda _: make_sample(address="203.0.113.9", resolved=(A, B))
    bench.apply(check)
    bench.run(0.15)
    assert bench.addresses(check.key) == [A, B]
    assert attempts(bench) == {A: 0, B: 0}
    assert bench.verdicts() == []
