"""What travels from a worker to its reader: whole between equals, bounded from a stranger."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.plan.checks import CheckKey
from pollwatch.plan.reports import PlanFault, PlanReport, WorkerReport
from pollwatch.plan.samples import MAX_EVIDENCE, Reason
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.plan.wire import (
    MAX_INTEGER,
    FeedEnd,
    FeedHead,
    WireError,
    end_line,
    head_line,
    read_head,
    read_line,
    read_plan_report,
    read_report,
    read_state,
    report_document,
    state_line,
)

STATE = CheckState(
    key=CheckKey("public-sites", "front-page"),
    uid="6f8f1f3c",
    generation=3,
    verdict=Verdict.DEGRADED,
    previous=Verdict.UP,
    since=1_478_653_200.25,
    at=1_478_653_201.5,
    total=4,
    up=3,
    reason=Reason.UNEXPECTED_STATUS,
    address="192.0.2.7",
    evidence="expected 2xx, got 500: Internal server error",
)
REPORT = WorkerReport(
    instance="a1",
    version="0.1",
    worker="east-0",
    plan=PlanReport(
        revision=17,
        checks=2_500,
        unsupported=("public-sites/new",),
        fault=PlanFault.TORN,
        message="parts of two plans",
    ),
    targets=4_000,
    probes_per_second=251.5,
    utilisation=0.37,
    lateness=0.004,
    missed=2,
    keys=("0a1b2c3d", "4e5f6071"),
)

printable = st.characters(exclude_categories=["C"]).filter(str.isprintable)
names = st.text(printable, max_size=50)
times = st.floats(0, 4e9)
integers = st.integers(0, MAX_INTEGER)
reports = st.builds(
    WorkerReport,
    instance=names,
    version=names,
    worker=names,
    plan=st.builds(
        PlanReport,
        revision=integers,
        checks=integers,
        unsupported=st.lists(names, max_size=5).map(tuple),
    ),
    targets=integers,
    probes_per_second=times,
    utilisation=times,
    lateness=times,
    missed=integers,
    keys=st.lists(names, max_size=5).map(tuple),
)


@st.composite
def states(draw: st.DrawFn) -> CheckState:
    total = draw(st.integers(0, 64))
    reason = draw(st.none() | st.sampled_from(Reason))
    return CheckState(
        key=CheckKey(draw(names), draw(names)),
        uid=draw(names),
        generation=draw(integers),
        verdict=draw(st.sampled_from(Verdict)),
        previous=draw(st.sampled_from(Verdict)),
        since=draw(times),
        at=draw(times),
        total=total,
        up=draw(st.integers(0, total)),
        reason=reason,
        address=draw(names) if reason else "",
        evidence=draw(st.text(printable, max_size=MAX_EVIDENCE)) if reason else "",
    )


@given(states())
def test_a_state_arrives_as_it_was_sent_on_one_line(state: CheckState) -> None:
    line = state_line(state)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert read_state(line) == state
    assert read_line(line) == state


@given(
    reports,
    st.integers(0, 10**6),
    st.booleans(),
    st.none() | st.integers(0, 10**6),
    st.none() | st.floats(0, 2e9),
)
def test_a_head_arrives_as_it_was_sent(
    report: WorkerReport,
    lost: int,
    snapshot: bool,  # noqa: FBT001 -- drawn
    recent: int | None,
    now: float | None,
) -> None:
    head = FeedHead(report=report, lost=lost, snapshot=snapshot, recent=recent, now=now)
    assert read_head(head_line(head)) == head


def test_a_refused_plan_is_told_with_its_fault() -> None:
    assert read_report(json.loads(json.dumps(report_document(REPORT)))) == REPORT


def test_the_end_of_a_page_holds_the_cursor() -> None:
    assert read_line(end_line(FeedEnd(42))) == FeedEnd(42)


def test_what_a_newer_worker_adds_is_ignored() -> None:
    line = json.dumps({**json.loads(state_line(STATE)), "colour": "red"}).encode()
    assert read_state(line) == STATE


def test_a_reason_of_a_newer_worker_is_still_told_to_people() -> None:
    line = json.dumps({**json.loads(state_line(STATE)), "reason": "TeapotEmpty", "evidence": "no tea"})
    state = read_state(line.encode())
    assert (state.reason, state.evidence) == (None, "TeapotEmpty: no tea")


def test_a_verdict_of_a_newer_worker_is_unknown() -> None:
    line = json.dumps({**json.loads(state_line(STATE)), "verdict": "Splendid"})
    assert read_state(line.encode()).verdict is Verdict.UNKNOWN


def test_a_fault_of_a_newer_worker_is_a_fault_all_the_same() -> None:
    report = read_plan_report({"revision": 1, "checks": 0, "fault": "Cursed", "message": "it is cursed"})
    assert (report.fault, report.message) == (PlanFault.CORRUPT, "it is cursed")


def test_a_feed_of_another_format_is_refused() -> None:
    head = {**json.loads(head_line(FeedHead(report=REPORT))), "format": 2}
    with pytest.raises(WireError, match="format 2"):
        read_head(json.dumps(head).encode())


def test_texts_are_cut_to_what_a_status_can_hold() -> None:
    line = json.dumps({**json.loads(state_line(STATE)), "evidence": "x" * 100_000, "address": "y" * 100_000})
    state = read_state(line.encode())
    assert len(state.evidence) == MAX_EVIDENCE
    assert len(state.address) <= 253


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("namespace", None),
        ("name", 7),
        ("generation", True),
        ("generation", -1),
        ("generation", 1.0),
        ("generation", 2**80),
        ("since", -0.5),
        ("since", "now"),
        ("at", True),
        ("verdict", []),
        ("up", 5),
        ("reason", {}),
    ],
)
def test_a_state_that_is_none_is_refused(field: str, value: object) -> None:
    line = json.dumps({**json.loads(state_line(STATE)), field: value}).encode()
    with pytest.raises(WireError):
        read_state(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"7",
        b"\xff\xfe",
        b'{"cursor":NaN}',
        b'{"cursor":Infinity}',
        b'{"cursor":-1}',
        b'{"cursor":1e400}',
        b"[" * 100_000,
        b'{"cursor":' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_no_line_of_a_feed_is_refused(line: bytes) -> None:
    with pytest.raises(WireError):
        read_line(line)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    ),
    st.sampled_from(["report", "lost", "snapshot", "recent", "now", "format"]),
)
def test_a_head_with_anything_in_it_is_read_or_refused(value: Any, field: str) -> None:
    head = {**json.loads(head_line(FeedHead(report=REPORT))), field: value}
    try:
        read_head(json.dumps(head).encode())
    except WireError:
        return
    assert field != "report" or isinstance(value, dict)


@pytest.mark.parametrize("trick", ["\x1b[2J", "\n", "\ud800", "\u202e"])
def test_what_would_steer_a_terminal_or_cannot_be_encoded_is_blanked_out(trick: str) -> None:
    document = json.loads(state_line(STATE)) | {"evidence": f"expected{trick}2xx"}
    evidence = read_state(json.dumps(document).encode()).evidence
    assert evidence.isprintable()
    assert evidence.encode().startswith(b"expected ")
