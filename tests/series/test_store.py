"""The page as a whole: what is on it, while members come and go and slices are made."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pollwatch.plan.checks import CheckKey, Target, TcpProbe
from pollwatch.plan.samples import Reason
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.series.exposition import Exposition
from pollwatch.series.store import SLICE_BYTES, SeriesStore
from tests.cluster.prometheus import promtool_check_metrics
from tests.support.exposition import page_of, parse, values
from tests.support.plans import make_check, make_sample

FORMATS = list(Exposition)


def state(verdict: Verdict = Verdict.DEGRADED, *, total: int = 5, up: int = 4) -> CheckState:
    check = make_check()
    return CheckState(
        key=check.key,
        uid=check.uid,
        generation=1,
        verdict=verdict,
        previous=Verdict.UP,
        since=1_478_653_200.5,
        at=1_478_653_200.5,
        total=total,
        up=up,
    )


def filled(count: int) -> SeriesStore:
    store = SeriesStore()
    for number in range(count):
        check = make_check(f"check-{number}")
        store.open_check(check)
        store.open_target(Target(check)).observe(make_sample())
    return store


@pytest.mark.parametrize("exposition", FORMATS)
def test_both_formats_have_the_same_series(exposition: Exposition) -> None:
    store = SeriesStore()
    check = make_check()
    store.open_check(check).observe(state())
    store.open_target(Target(check, "192.0.2.7")).observe(make_sample(Reason.UNEXPECTED_STATUS))
    tcp = make_check("database", probe=TcpProbe(host="db", port=5432))
    store.open_target(Target(tcp)).observe(make_sample())
    series = parse(page_of(store.render(exposition), exposition), exposition)
    text = parse(page_of(store.render(Exposition.TEXT), Exposition.TEXT), Exposition.TEXT)
    assert series == text
    assert values(series, "probe_success", "check", "address") == {
        ("front-page", "192.0.2.7"): 0,
        ("database", ""): 1,
    }


def test_a_check_shows_its_verdict_as_one_among_four() -> None:
    store = SeriesStore()
    store.open_check(make_check()).observe(state(Verdict.DEGRADED))
    series = parse(page_of(store.render(Exposition.TEXT), Exposition.TEXT), Exposition.TEXT)
    verdicts = values(series, "pollwatch_check_verdict", "verdict")
    assert verdicts == {"Up": 0, "Degraded": 1, "Down": 0, "Unknown": 0}
    assert values(series, "pollwatch_check_targets", "check") == {"front-page": 5}
    assert values(series, "pollwatch_check_targets_up", "check") == {"front-page": 4}
    since = values(series, "pollwatch_check_last_transition_timestamp_seconds", "check")
    assert since == {"front-page": 1_478_653_200.5}


def test_a_check_is_unknown_until_there_is_a_state() -> None:
    store = SeriesStore()
    store.open_check(make_check())
    series = parse(page_of(store.render(Exposition.TEXT), Exposition.TEXT), Exposition.TEXT)
    assert values(series, "pollwatch_check_verdict", "verdict")["Unknown"] == 1
    assert values(series, "pollwatch_check_last_transition_timestamp_seconds", "check") == {}


def test_the_checks_own_labels_stand_on_every_series() -> None:
    store = SeriesStore()
    check = make_check(labels=(("team", "web"), ("tier", "1")))
    store.open_check(check)
    store.open_target(Target(check)).observe(make_sample(Reason.UNEXPECTED_BODY))
    for _, labels in parse(page_of(store.render(Exposition.TEXT), Exposition.TEXT), Exposition.TEXT):
        assert {("team", "web"), ("tier", "1")} <= labels


def test_a_label_of_the_check_never_takes_the_place_of_one_of_ours() -> None:
    store = SeriesStore()
    hostile = (("check", "other"), ("le", "0"), ("reason", "None"), ("team", "web"))
    store.open_target(Target(make_check(labels=hostile))).observe(make_sample(Reason.UNEXPECTED_BODY))
    series = parse(page_of(store.render(Exposition.TEXT), Exposition.TEXT), Exposition.TEXT)
    assert values(series, "probe_success", "check", "team") == {("front-page", "web"): 0}
    assert values(series, "pollwatch_probe_failures_total", "reason") == {"UnexpectedBody": 1}


@given(namespace=st.text(), name=st.text(), target=st.text(), address=st.text(min_size=1), own=st.text())
@example(namespace="", name='"} 1\nup{x="', target="\\", address="\\n", own='\\"')
@example(namespace="{", name="\xff", target="%s %d", address="\r\x85\u2028", own="# EOF\n")
def test_whatever_is_in_the_labels_it_is_read_back_as_it_was_and_adds_no_series(
    namespace: str, name: str, target: str, address: str, own: str
) -> None:
    check = make_check(key=CheckKey(namespace, name), target=target, labels=(("team", own),))
    plain = filled(1)
    for exposition in FORMATS:
        store = SeriesStore()
        store.open_check(check)
        store.open_target(Target(check, address)).observe(make_sample())
        series = parse(page_of(store.render(exposition), exposition), exposition)
        expected = parse(page_of(plain.render(exposition), exposition), exposition)
        assert sorted(name for name, _ in series) == sorted(name for name, _ in expected)
        assert values(series, "probe_success", "namespace", "check", "target", "address", "team") == {
            (namespace, name, target, address, own): 1
        }


def test_a_lone_surrogate_cannot_break_the_page() -> None:
    store = SeriesStore()
    store.open_target(Target(make_check(target="\ud800")))
    assert b'target="?"' in b"".join(store.render(Exposition.TEXT))


def test_opening_a_target_again_replaces_its_series_instead_of_doubling_them() -> None:
    store = SeriesStore()
    old = store.open_target(Target(make_check()))
    old.observe(make_sample())
    new = store.open_target(Target(make_check(uid="made anew")))
    new.observe(make_sample(Reason.UNEXPECTED_BODY))
    for _ in range(2):
        series = parse(page_of(store.render(Exposition.TEXT), Exposition.TEXT), Exposition.TEXT)
        assert list(values(series, "probe_success", "check").values()) == [0]
        assert list(values(series, "pollwatch_probe_attempts_total", "check").values()) == [1]
        # Closing the former one is too late to take the new one away.
        store.close_target(old)


def test_closing_takes_every_series_away_and_may_be_done_twice() -> None:
    store = SeriesStore()
    check = make_check()
    target, of_check = store.open_target(Target(check)), store.open_check(check)
    target.observe(make_sample())
    for _ in range(2):
        store.close_target(target)
        store.close_check(of_check)
    assert b"".join(store.render(Exposition.TEXT)) == b""


def test_a_target_that_is_closed_during_a_scrape_is_gone_from_the_rest_of_the_page() -> None:
    store = SeriesStore()
    doomed = [store.open_target(Target(make_check(f"doomed-{number}"))) for number in range(300)]
    stays = store.open_target(Target(make_check("stays")))
    for series in (*doomed, stays):
        series.observe(make_sample())
    page = store.render(Exposition.TEXT)
    first = next(page)
    for series in doomed:
        store.close_target(series)
        # The probe that was running ends all the same.
        series.observe(make_sample())
    rest = b"".join(page)
    assert b"doomed" in first
    assert b"doomed" not in rest
    parsed = parse(first + rest, Exposition.TEXT)
    assert values(parsed, "probe_http_ssl", "check") == {"stays": 0}


def test_targets_opened_during_a_scrape_do_not_break_the_page() -> None:
    store = filled(300)
    slices: list[bytes] = []
    for number, part in enumerate(store.render(Exposition.OPENMETRICS)):
        slices.append(part)
        store.open_target(Target(make_check(f"late-{number}"))).observe(make_sample())
    assert len(slices) > 1
    parse(page_of(slices, Exposition.OPENMETRICS), Exposition.OPENMETRICS)


def test_slices_are_whole_lines_and_none_is_much_larger_than_the_others() -> None:
    slices = [part for part in filled(2_000).render(Exposition.TEXT) if part]
    assert len(slices) > 10
    assert all(part.endswith(b"\n") for part in slices)
    assert max(map(len, slices)) < 3 * SLICE_BYTES


def test_a_slice_is_a_small_share_of_the_work_of_a_page() -> None:
    store = filled(5_000)
    ratios: list[float] = []
    for _ in range(5):
        marks = [time.thread_time(), *(time.thread_time() for _ in store.render(Exposition.TEXT))]
        steps = [after - before for before, after in pairwise(marks)]
        ratios.append(max(steps) / sum(steps))
    # A page has some 200 slices; one that copied all members first would take several per cent.
    assert min(ratios) < 0.1


def test_families_that_nobody_has_are_not_walked_through_in_one_step() -> None:
    store = SeriesStore()
    for number in range(20_000):
        store.open_target(Target(make_check(f"check-{number}")))
    # Not sampled yet: most families are empty, but looking for them takes its time.
    assert sum(1 for part in store.render(Exposition.TEXT) if not part) > 10


def test_promtool_finds_nothing_to_criticise(promtool_binary: Path) -> None:
    store = filled(2)
    check = make_check("database", probe=TcpProbe(host="db", port=5432))
    store.open_check(check).observe(state())
    store.open_target(Target(check)).observe(make_sample(Reason.CONNECT_REFUSED))
    assert promtool_check_metrics(promtool_binary, b"".join(store.render(Exposition.TEXT))) == []
