"""What is news, that it is told once, and that it waits for an API server that is away."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pollwatch.control.cluster import RefusedError, UnreachableError
from pollwatch.control.events import BACKLOG, CHECK_BURST, MOST_FAILURES, RETRY_LIMIT, Recorder
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.news import (
    News,
    admission_news,
    event_document,
    known_news,
    standing_news,
    turn_news,
)
from pollwatch.control.record import VerdictTurn
from pollwatch.control.status import Admission, CheckStatus, desired_status
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.samples import Reason
from pollwatch.plan.states import CheckState, Verdict
from tests.control.api_server import json_answer, refusal, sample, scripted_cluster
from tests.control.documents import ACCEPTED, REJECTED
from tests.support.clock import FakeClock, run_in_fake_time
from tests.support.sites import Answer, Site
from tests.support.waiting import until

if TYPE_CHECKING:
    from pollwatch.control.cluster import Cluster

KEY = CheckKey("public-sites", "front-page")
NOW = 1_478_653_200.0
SINCE = "2016-11-09T01:00:00.000000Z"

UP, DEGRADED, DOWN, UNKNOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN, Verdict.UNKNOWN

STATE = CheckState(
    key=KEY,
    uid="u",
    generation=1,
    verdict=DEGRADED,
    previous=UP,
    since=NOW,
    at=NOW,
    total=5,
    up=4,
    reason=Reason.UNEXPECTED_STATUS,
    address="192.0.2.1",
    evidence="status 500, expected 2xx",
)


def turn(told: Verdict | None, after: Verdict) -> VerdictTurn:
    return VerdictTurn(told or UNKNOWN, after, SINCE, "east", replace(STATE, verdict=after), told)


def told(before: Verdict | None, after: Verdict) -> tuple[str, bool] | None:
    said = turn_news(KEY, "u", turn(before, after), locations=1)
    return (said.reason, said.warning) if said is not None else None


def written(admission: Admission = ACCEPTED, held: CheckStatus | None = None) -> CheckStatus:
    return desired_status(admission, found=(), held=held, now=NOW)


def test_a_check_that_is_up_from_the_start_is_no_news() -> None:
    assert told(None, UP) is None


def test_worse_is_a_warning_and_better_is_not() -> None:
    assert told(UP, DEGRADED) == ("Degraded", True)
    assert told(DEGRADED, DOWN) == ("Down", True)
    assert told(DOWN, DEGRADED) == ("Degraded", False)
    assert told(DEGRADED, UP) == ("Up", False)


def test_a_check_that_is_down_from_the_start_is_news() -> None:
    assert told(None, DOWN) == ("Down", True)


def test_a_prober_that_cannot_see_is_told_and_so_is_the_end_of_it() -> None:
    assert told(UP, UNKNOWN) == ("Unknown", True)
    assert told(UNKNOWN, UP) == ("Up", False)


def test_a_check_that_is_not_accepted_is_told_once_and_so_is_that_it_was_mended() -> None:
    rejected = written(REJECTED)
    first = admission_news(KEY, "u", None, rejected)
    assert first is not None
    assert (first.reason, first.warning) == ("SecretNotFound", True)
    assert admission_news(KEY, "u", rejected, written(REJECTED, rejected)) is None
    mended = admission_news(KEY, "u", rejected, written(held=rejected))
    assert mended is not None
    assert (mended.reason, mended.warning) == ("Accepted", False)
    assert admission_news(KEY, "u", None, written()) is None


def test_another_reason_not_to_be_accepted_is_told_under_another_name() -> None:
    rejected = written(REJECTED)
    other = written(replace(REJECTED, accepted_message="another field"), rejected)
    first, second = admission_news(KEY, "u", None, rejected), admission_news(KEY, "u", rejected, other)
    assert first is not None
    assert second is not None
    assert first.name != second.name


def test_a_verdict_that_was_given_up_is_told() -> None:
    said = standing_news(KEY, "u", written(), told=UP)
    assert said is not None
    assert (said.reason, said.warning) == ("Unknown", True)
    assert standing_news(KEY, "u", written(REJECTED), told=UP) is None


def test_the_note_says_how_many_where_and_why() -> None:
    said = turn_news(KEY, "u", turn(UP, DEGRADED), locations=1)
    assert said is not None
    assert said.note == (
        "Degraded (was Up): 4 of 5 targets up; UnexpectedStatus at 192.0.2.1; status 500, expected 2xx"
    )
    several = turn_news(KEY, "u", turn(UP, DEGRADED), locations=3)
    assert several is not None
    assert several.note.startswith("Degraded (was Up): east found Degraded, 4 of 5 targets up; ")


def test_the_same_turn_has_the_same_name_whoever_tells_it_and_another_one_has_not() -> None:
    by_the_turn = turn_news(KEY, "u", turn(UP, DEGRADED), locations=1)
    from_the_feed = known_news(STATE)
    assert by_the_turn is not None
    assert from_the_feed is not None
    assert by_the_turn.name == from_the_feed.name
    later = known_news(replace(STATE, since=NOW + 0.001))
    assert later is not None
    assert later.name != from_the_feed.name


def test_what_a_worker_found_first_may_have_been_no_turn_and_is_not_told_again() -> None:
    assert known_news(replace(STATE, previous=UNKNOWN)) is None
    assert known_news(replace(STATE, previous=DEGRADED)) is None


def test_an_event_fits_the_limits_of_the_api() -> None:
    said = News(key=KEY, uid="u", warning=True, reason="Down", action="Judge", note="é" * 2000, occasion="x")
    document = event_document(said, instance="h" * 300, now=NOW)
    assert len(document["note"].encode()) <= 1024
    assert len(document["reportingInstance"]) <= 128
    assert document["eventTime"] == SINCE
    assert document["regarding"]["uid"] == "u"


# Posting


class Bench:
    """A recorder, and the site that plays its API server."""

    recorder: Recorder

    def __init__(self, site: Site, metrics: ControlMetrics) -> None:
        self.site = site
        self.metrics = metrics
        self.slept: list[float] = []
        self.recovers_after = 0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self.recovers_after:
            self.site.answer = json_answer({}, 201)
        await asyncio.sleep(0.001)

    def outcomes(self, outcome: str) -> float:
        return sample(self.metrics, "pollwatch_operator_events_total", outcome=outcome)

    def posted(self) -> list[str]:
        return [json.loads(request.body)["note"] for request in self.site.requests]


def say(note: str = "note", uid: str = "u", key: CheckKey = KEY) -> News:
    return News(key=key, uid=uid, warning=True, reason="Down", action="Judge", note=note, occasion=note)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    metrics = ControlMetrics()
    async with scripted_cluster(metrics) as (cluster, site):
        site.answer = json_answer({}, 201)

        made = Bench(site, metrics)
        recorder = Recorder(
            cluster=cluster, metrics=metrics, clock=SystemClock(), instance="test", sleep=made.sleep
        )
        made.recorder = recorder
        running = asyncio.create_task(recorder.run())
        yield made
        running.cancel()
        await asyncio.wait([running])


async def test_an_event_that_is_there_already_is_not_tried_again(bench: Bench) -> None:
    bench.site.answer = refusal(409)
    bench.recorder.record(say())
    await bench.recorder.idle()
    assert bench.outcomes("repeated") == 1
    assert len(bench.site.requests) == 1


@pytest.mark.parametrize("answer", [b"garbage", refusal(503), refusal(429), refusal(401), refusal(403)])
async def test_events_wait_for_an_api_server_that_is_away(bench: Bench, answer: Answer | bytes) -> None:
    bench.site.answer = answer
    bench.recovers_after = 4
    bench.recorder.record(say("first"))
    bench.recorder.record(say("second"))
    await bench.recorder.idle()
    assert bench.slept[:4] == [0.5, 1.0, 2.0, 4.0]
    assert bench.posted()[-2:] == ["first", "second"]
    assert bench.outcomes("created") == 2


async def test_a_server_that_asks_for_time_gets_it(bench: Bench) -> None:
    bench.site.answer = refusal(429, **{"Retry-After": "7"})
    bench.recovers_after = 1
    bench.recorder.record(say())
    await bench.recorder.idle()
    assert bench.slept == [7.0]


@pytest.mark.parametrize(
    "answer",
    [refusal(403, "forbidden: namespace x because it is being terminated"), refusal(404), refusal(422)],
    ids=["terminated", "no namespace", "invalid"],
)
async def test_an_event_that_can_never_be_posted_holds_up_no_other(bench: Bench, answer: Answer) -> None:
    bench.site.answer = answer
    bench.recorder.record(say())
    await bench.recorder.idle()
    assert (bench.outcomes("failed"), len(bench.site.requests)) == (1, 1)


async def test_nor_does_one_that_meets_a_defect(bench: Bench) -> None:
    bench.recorder.record(say(note=cast("str", 2016)))
    bench.recorder.record(say("after it"))
    await bench.recorder.idle()
    assert bench.posted() == ["after it"]
    assert bench.outcomes("failed") == 1
    assert sample(bench.metrics, "pollwatch_operator_reconcile_errors_total") == 1


async def test_nor_does_one_that_the_api_server_fails_at(bench: Bench) -> None:
    bench.site.answer = refusal(500)
    bench.recorder.record(say())
    await bench.recorder.idle()
    assert (bench.outcomes("failed"), len(bench.site.requests)) == (1, MOST_FAILURES + 1)


async def test_events_wait_for_an_etcd_of_theirs_that_is_away_for_minutes(bench: Bench) -> None:
    bench.site.answer = refusal(500, "etcdserver: request timed out")
    bench.recovers_after = 40
    bench.recorder.record(say("first"))
    bench.recorder.record(say("second"))
    await bench.recorder.idle()
    assert sum(bench.slept[:40]) > 300.0
    assert bench.posted()[-2:] == ["first", "second"]
    assert (bench.outcomes("created"), bench.outcomes("failed")) == (2, 0)


async def test_one_check_that_flaps_gets_few_events_and_others_get_theirs(bench: Bench) -> None:
    for number in range(50):
        bench.recorder.record(say(f"flap {number}", uid="flapping"))
    bench.recorder.record(say("other", uid="other"))
    await bench.recorder.idle()
    assert len(bench.posted()) == CHECK_BURST + 1
    assert bench.posted()[-1] == "other"
    assert bench.outcomes("limited") == 50 - CHECK_BURST


async def test_what_was_told_before_is_told_again_after_what_is_new(bench: Bench) -> None:
    bench.recorder.repeat(say("old", uid="another"))
    bench.recorder.record(say("new"))
    await until(lambda: len(bench.site.requests) == 2, "both")
    assert bench.posted() == ["new", "old"]


async def test_of_one_check_what_was_told_before_is_told_again_before_what_is_new(bench: Bench) -> None:
    bench.recorder.repeat(say("of another", uid="another"))
    bench.recorder.repeat(say("old"))
    bench.recorder.repeat(say("less old"))
    bench.recorder.record(say("new"))
    await until(lambda: len(bench.site.requests) == 4, "all")
    assert bench.posted() == ["old", "less old", "new", "of another"]


async def test_of_one_check_the_order_stays_when_what_was_told_before_is_refused(bench: Bench) -> None:
    bench.site.answer = refusal(403)
    bench.recorder.repeat(say("old"))
    await until(lambda: bench.slept, "a refusal")
    bench.site.answer = json_answer({}, 201)
    bench.recorder.record(say("new"))
    await bench.recorder.idle()
    assert bench.posted()[-2:] == ["old", "new"]


async def test_what_waits_is_bounded(bench: Bench) -> None:
    for number in range(BACKLOG + 10):
        bench.recorder.record(say(uid=str(number)))
        bench.recorder.repeat(say(uid=str(number)))
    assert bench.outcomes("limited") == 10
    bench.recorder.begin()
    await bench.recorder.idle()
    assert len(bench.site.requests) <= 1


def test_after_ten_minutes_without_an_api_server_what_waited_is_told_within_seconds() -> None:
    clock = FakeClock()
    back_at = clock.monotonic() + 600.0
    posted: list[float] = []

    class Away:
        async def create_event(self, *_: object) -> None:
            await asyncio.sleep(0.01)
            if clock.monotonic() < back_at:
                raise UnreachableError("no answer")
            posted.append(clock.monotonic())

    async def main() -> None:
        recorder = Recorder(
            cluster=cast("Cluster", Away()), metrics=ControlMetrics(), clock=clock, instance="test"
        )
        running = asyncio.create_task(recorder.run())
        for number in range(100):
            recorder.record(say(str(number), uid=str(number)))
        await recorder.idle()
        running.cancel()
        await asyncio.wait([running])

    run_in_fake_time(clock, main())
    assert len(posted) == 100
    assert posted[0] - back_at <= RETRY_LIMIT
    assert posted[-1] - posted[0] < RETRY_LIMIT


class Counting:
    """An API server that remembers when it was told what; one namespace may be closed to us."""

    def __init__(self, clock: FakeClock, closed: str = "") -> None:
        self._clock = clock
        self._closed = closed
        self.told: list[tuple[str, float]] = []

    async def create_event(self, namespace: str, document: dict[str, Any]) -> None:
        await asyncio.sleep(0.01)
        if namespace == self._closed:
            raise RefusedError(403, "forbidden")
        self.told.append((f"{namespace}: {document['note']}", self._clock.monotonic()))

    def names(self) -> list[str]:
        return [name for name, _ in self.told]


def recorded(clock: FakeClock, server: Counting, *said: News, for_seconds: float) -> ControlMetrics:
    """Record all of it at once, and let it be posted for so long."""
    metrics = ControlMetrics()

    async def main() -> None:
        recorder = Recorder(cluster=cast("Cluster", server), metrics=metrics, clock=clock, instance="test")
        running = asyncio.create_task(recorder.run())
        for one in said:
            recorder.record(one)
        await asyncio.sleep(for_seconds)
        running.cancel()
        await asyncio.wait([running])

    run_in_fake_time(clock, main())
    return metrics


def test_a_namespace_with_a_thousand_flapping_checks_neither_delays_nor_drops_the_event_of_another() -> None:
    clock = FakeClock()
    began = clock.monotonic()
    server = Counting(clock)
    noise = [
        say(f"turn {turn}", uid=str(number), key=CheckKey("noisy", f"check-{number}"))
        for turn in range(5)
        for number in range(1000)
    ]
    calm = say("the only one", uid="calm", key=CheckKey("calm", "front-page"))
    metrics = recorded(clock, server, *noise, calm, for_seconds=10.0)
    (posted,) = (at for name, at in server.told if name == "calm: the only one")
    assert posted - began < 0.1
    assert sample(metrics, "pollwatch_operator_events_total", outcome="limited") == len(noise) + 1 - BACKLOG


def test_a_namespace_in_which_no_event_may_be_made_holds_up_no_other_and_its_own_keep_their_order() -> None:
    clock = FakeClock()
    server = Counting(clock, closed="closed")
    said = [
        say(f"turn {turn}", uid=namespace, key=CheckKey(namespace, "front-page"))
        for turn in range(3)
        for namespace in ("closed", "open")
    ]
    metrics = recorded(clock, server, *said, for_seconds=1.0)
    assert server.names() == ["open: turn 0", "open: turn 1", "open: turn 2"]
    assert sample(metrics, "pollwatch_operator_events_total", outcome="failed") == 0
