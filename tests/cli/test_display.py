"""What a person reads: the live table, plain lines, the summary."""

import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.cli.display import words
from pollwatch.cli.display.board import Board, Now, Tally
from pollwatch.cli.display.dashboard import Dashboard
from pollwatch.cli.display.fit import fit
from pollwatch.cli.display.lines import plain_line, worth_a_line
from pollwatch.cli.display.live import held_back_logs
from pollwatch.cli.display.sparkline import sparkline
from pollwatch.cli.display.summary import MOST, summary
from pollwatch.cli.display.view import CheckRow, Happening, Note, Point
from pollwatch.plan.checks import CheckKey, CheckPlan, Target, TcpProbe
from pollwatch.plan.samples import Outcome, Reason, Sample
from pollwatch.plan.states import Verdict
from tests.cli.views import NOON, check, drawn, http_sample, state, target, view

ADDRESSES = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
FERRY = CheckPlan(
    key=CheckKey("public-sites", "ferry"),
    uid="u",
    generation=1,
    period=1.0,
    timeout=1.0,
    target="ferry.example:80",
    probe=TcpProbe(host="ferry.example", port=80),
)
FERRY_UP = replace(state(Verdict.UP, Verdict.UP), key=FERRY.key)


class NoonClock:
    """It is noon."""

    def monotonic(self) -> float:
        return 0.0

    def time(self) -> float:
        return NOON


def degraded() -> CheckRow:
    """A Check of four addresses, of which the last fails."""
    good = [target(address) for address in ADDRESSES]
    return check("immigration", Verdict.DEGRADED, [*good, target("192.0.2.4", Verdict.DOWN, failures=3)])


def the_line(lines: list[str], part: str) -> str:
    """The one line that holds `part`."""
    (line,) = [line for line in lines if part in line]
    return line


def words_of(line: str) -> str:
    """The line without what aligns it."""
    return " ".join(line.split())


def test_one_bad_backend_stands_out_in_its_own_line() -> None:
    lines = drawn(Dashboard(view([degraded()])))
    assert (
        words_of(the_line(lines, "immigration")) == "◐ Degraded immigration 3 of 4 addresses up 8 % <1 % 12 s"
    )
    bad = the_line(lines, "192.0.2.4")
    assert "✗ Down" in bad
    assert "500 UnexpectedStatus" in bad
    assert "30 %" in bad  # of the recent ones
    assert " 3 %" in bad  # since the start
    assert "✗✗✗" in bad
    assert all("● Up" in the_line(lines, address) for address in ADDRESSES)


def test_a_check_with_one_target_takes_one_line_with_its_next_probe() -> None:
    lines = drawn(Dashboard(view([check("ferry", Verdict.UP)])))
    line = the_line(lines, "ferry")
    assert line.startswith("● Up")
    assert line.rstrip().endswith("12 s  0.4 s")
    assert "200 in 42 ms" in line


def test_the_title_counts_the_verdicts_and_names_the_metrics_address() -> None:
    lines = drawn(Dashboard(view([check("ferry", Verdict.UP), degraded()])))
    assert lines[0].split("  ")[:3] == ["Pollwatch", "◐ 1 Degraded", "● 1 Up"]
    assert "http://127.0.0.1:9877/metrics   1 min 12 s" in lines[0]


def test_the_namespace_is_said_only_where_there_are_several() -> None:
    one = drawn(Dashboard(view([check("ferry", Verdict.UP)])))
    two = drawn(
        Dashboard(view([check("ferry", Verdict.UP), check("mail", Verdict.UP, namespace="internal")]))
    )
    assert "public-sites/ferry" not in "\n".join(one)
    assert "public-sites/ferry" in "\n".join(two)


def test_transitions_and_notes_stand_below_the_table_the_newest_last() -> None:
    happenings: list[Happening] = [
        Note(at=NOON, text="22:10  One server fails."),
        state(Verdict.DEGRADED, Verdict.UP),
    ]
    lines = drawn(Dashboard(view([degraded()], happenings)))
    assert lines[-2].endswith("▸ 22:10  One server fails.")
    assert "◐ Degraded  immigration  3 of 4 up  192.0.2.4 UnexpectedStatus: expected status" in lines[-1]


def test_a_problem_is_folded_and_not_cut_short() -> None:
    problem = "checks/a.yaml:7: spec.http.expcet: unknown field, did you mean expect?"
    lines = drawn(Dashboard(view([], [Note(at=NOON, text=problem, problem=True)])), width=50)
    assert words_of(" ".join(lines[-2:])).endswith(f"▸ {problem}")


def test_markup_in_names_and_evidence_is_shown_and_not_obeyed() -> None:
    lines = drawn(Dashboard(view([check("ferry", Verdict.UP)], [Note(at=NOON, text="[red]gone[/red]")])))
    assert lines[-1].endswith("▸ [red]gone[/red]")


@given(
    width=st.integers(40, 250),
    height=st.integers(10, 60),
    sizes=st.lists(st.tuples(st.integers(1, 8), st.sampled_from(list(Verdict))), max_size=40),
    notes=st.integers(0, 40),
)
def test_the_screen_is_never_overrun(
    width: int, height: int, sizes: list[tuple[int, Verdict]], notes: int
) -> None:
    checks = [
        check(f"check-{number}", verdict, [target(f"192.0.2.{n}", verdict) for n in range(size)])
        for number, (size, verdict) in enumerate(sizes)
    ]
    happenings = [
        Note(at=NOON, text="something long " * 20, problem=number % 3 == 0) for number in range(notes)
    ]
    lines = drawn(Dashboard(view(checks, happenings)), width, height)
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)


@given(
    lines=st.integers(1, 60),
    sizes=st.lists(st.tuples(st.integers(1, 8), st.sampled_from(list(Verdict))), max_size=40),
)
def test_what_is_left_out_is_never_worse_than_what_is_shown(
    lines: int, sizes: list[tuple[int, Verdict]]
) -> None:
    checks = [
        check(f"check-{number}", verdict, [target(f"192.0.2.{n}", verdict) for n in range(size)])
        for number, (size, verdict) in enumerate(sizes)
    ]
    shown = fit(checks, lines)
    keys = [block.check.key for block in shown]
    assert len(set(keys)) == len(keys)
    hidden = [row for row in checks if row.key not in keys]
    worst_hidden = min((words.SEVERITY[row.verdict] for row in hidden), default=9)
    assert all(words.SEVERITY[block.check.verdict] <= worst_hidden for block in shown) or not hidden
    if lines > 1:
        assert sum(block.lines for block in shown) + bool(hidden) <= lines


def test_on_a_small_screen_the_targets_that_are_up_go_first() -> None:
    shown = fit([check("ferry", Verdict.UP), degraded()], 3)
    assert [block.check.key.name for block in shown] == ["ferry", "immigration"]
    assert [row.address for row in shown[1].targets] == ["192.0.2.4"]


def test_on_a_tiny_screen_the_worst_check_stays() -> None:
    checks = [check("ferry", Verdict.UP), degraded(), check("mail", Verdict.UP)]
    assert [block.check.key.name for block in fit(checks, 2)] == ["immigration"]
    lines = drawn(Dashboard(view(checks)), height=10)
    assert words_of(the_line(lines, "more")) == "... and 2 more 2 Up"


def test_the_sparkline_starts_at_zero_keeps_the_newest_and_crosses_failures() -> None:
    points = [Point(failed=False, seconds=0.2), *[Point(failed=False, seconds=s) for s in (0.05, 0.1)]]
    assert sparkline([*points, Point(failed=True, seconds=9.0)], 3).plain == "▅█✗"
    assert sparkline(points[:1], 3).plain == "  █"
    assert sparkline([Point(failed=False, seconds=0.001)], 1).plain == "▁"
    assert sparkline([], 2).plain == "  "


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 ms"),
        (0.00234, "2.3 ms"),
        (0.00996, "10 ms"),
        (0.0421, "42 ms"),
        (0.9996, "1.00 s"),
        (1.5, "1.50 s"),
    ],
)
def test_a_latency_is_written_to_two_or_three_figures(seconds: float, text: str) -> None:
    assert words.latency(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (59.9, "59 s"), (64, "1 min 04 s"), (7500, "2 h 05 min"), (200_000, "2 d 7 h")],
)
def test_a_span_is_written_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert words.span(seconds) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "-"), (0, 5, "0 %"), (1, 1000, "<1 %"), (1, 5, "20 %"), (999, 1000, ">99 %"), (5, 5, "100 %")],
)
def test_a_few_failures_never_read_as_none(part: int, whole: int, text: str) -> None:
    assert words.share(part, whole) == text


def test_a_plain_line_says_when_what_where_and_why() -> None:
    assert plain_line(state(Verdict.DEGRADED, Verdict.UP)) == (
        "2016-11-13T13:00:00.000Z Up -> Degraded public-sites/immigration (3 of 4 up) "
        "192.0.2.4 UnexpectedStatus: expected status 2xx, got 500 Internal Server Error"
    )
    assert plain_line(state(Verdict.UP, Verdict.DEGRADED, up=4)) == (
        "2016-11-13T13:00:00.000Z Degraded -> Up public-sites/immigration (4 of 4 up)"
    )
    assert "still Degraded" in plain_line(state(Verdict.DEGRADED, Verdict.DEGRADED, up=2))


def test_targets_that_were_not_probed_yet_do_not_read_as_failing() -> None:
    line = plain_line(state(Verdict.UP, Verdict.UNKNOWN, up=1))
    assert "of 4 up" not in line


def test_a_change_of_counts_is_told_only_while_something_fails() -> None:
    assert worth_a_line(state(Verdict.DEGRADED, Verdict.DEGRADED, up=2))
    assert worth_a_line(state(Verdict.UP, Verdict.DOWN, up=4))
    assert not worth_a_line(state(Verdict.UP, Verdict.UP, up=4))


def test_the_board_adds_up_samples_for_the_table_and_the_summary() -> None:
    board = Board(NoonClock(), histories=True)
    sample = http_sample(200)
    board.observe(Target(FERRY, "192.0.2.1"), sample, Verdict.UP)
    board.observe(Target(FERRY, "192.0.2.1"), http_sample(500), Verdict.DOWN)
    (row,) = board.row(FERRY_UP, [Now("192.0.2.1", Verdict.DOWN, sample, 0.5)]).targets
    assert (row.attempts, row.failures, row.recent_failures) == (2, 1, 1)
    ((key, tally),) = board.tallies
    assert (key, tally.attempts, tally.failures) == (FERRY.key, 2, 1)


def test_an_error_of_the_prober_counts_as_an_attempt_and_not_as_a_failure_of_the_target() -> None:
    board = Board(NoonClock(), histories=True)
    error = Sample(started=NOON, duration=0.0, outcome=Outcome.ERROR, reason=Reason.RESOURCES_EXHAUSTED)
    board.observe(Target(FERRY), error, Verdict.UNKNOWN)
    ((_, tally),) = board.tallies
    assert (tally.attempts, tally.failures) == (1, 0)


def test_the_board_forgets_targets_that_are_gone() -> None:
    board = Board(NoonClock(), histories=True)
    for address in ADDRESSES:
        board.observe(Target(FERRY, address), http_sample(), Verdict.UP)
    board.forget([(FERRY.key, ADDRESSES[0])])
    rows = board.row(FERRY_UP, [Now(address, Verdict.UP, None, None) for address in ADDRESSES]).targets
    assert [row.attempts for row in rows] == [1, 0, 0]


def test_the_summary_tells_how_long_each_verdict_held() -> None:
    board = Board(NoonClock(), histories=False)
    board.observe(Target(FERRY), http_sample(), Verdict.UP)
    for verdict, previous, at in (
        (Verdict.UP, Verdict.UNKNOWN, 0.0),
        (Verdict.DEGRADED, Verdict.UP, 20.0),
        (Verdict.DEGRADED, Verdict.DEGRADED, 30.0),
        (Verdict.DOWN, Verdict.DEGRADED, 48.0),
        (Verdict.UP, Verdict.DOWN, 63.0),
    ):
        board.record(state(verdict, previous, at=NOON + at))
    lines = drawn(summary(board.tallies, started=NOON, ended=NOON + 86))
    assert lines[0] == "1 probe of 2 Checks in 1 min 26 s"
    assert words_of(the_line(lines, "immigration")) == (
        "public-sites/immigration 0 0 - Up 20 s, Degraded 28 s, Down 15 s, Up 23 s"
    )
    assert words_of(the_line(lines, "ferry")) == "public-sites/ferry 1 0 0 %"


def test_a_summary_of_many_checks_shows_those_that_failed_and_counts_the_rest() -> None:
    tallies = [(CheckKey("n", f"check-{number}"), Tally(attempts=10)) for number in range(100)]
    tallies[70] = (CheckKey("n", "bad"), Tally(attempts=10, failures=1))
    tallies[80] = (CheckKey("n", "worse"), Tally(attempts=10, failures=9))
    lines = drawn(summary(tallies, started=NOON, ended=NOON + 10), height=200)
    assert "bad" in "".join(lines)
    assert "worse" in "".join(lines)
    assert lines[-1] == f"... and {100 - MOST} more Checks: 0 of {10 * (100 - MOST)} probes failed"
    assert len(lines) == MOST + 3


def test_a_long_timeline_shows_its_end_and_says_that_there_was_more() -> None:
    board = Board(NoonClock(), histories=False)
    for number in range(100):
        verdict = (Verdict.UP, Verdict.DOWN)[number % 2]
        board.record(state(verdict, verdict, at=NOON + number))
    line = the_line(drawn(summary(board.tallies, started=NOON, ended=NOON + 100), width=200), "immigration")
    assert "... Up 1 s, Down 1 s" in line
    assert line.count(" 1 s") == 8


def test_what_is_logged_while_the_table_is_shown_is_printed_after_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with held_back_logs():
        logging.getLogger("pollwatch.test").error("a defect")
        assert capsys.readouterr().err == ""
    assert capsys.readouterr().err == "a defect\n"
