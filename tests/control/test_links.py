"""The link to a worker: nothing is lost unseen, and keys and plans reach it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from structlog.testing import capture_logs

from pollwatch.control import peer as peer_module
from pollwatch.control.links import LinkReason, feed_client
from pollwatch.control.metrics import ControlMetrics
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.reports import PlanFault, PlanReport
from pollwatch.plan.states import Verdict
from pollwatch.worker.keys import Keys
from tests.control.api_server import sample
from tests.control.lines import line_to
from tests.control.linked import linked
from tests.control.workers import ToldWorker, told_worker
from tests.support.hostile import silence
from tests.support.plan_folders import KEYS, encode
from tests.support.plans import make_check
from tests.support.sites import serve
from tests.support.waiting import until

UP, DOWN = Verdict.UP, Verdict.DOWN


@pytest.fixture
async def worker() -> AsyncIterator[ToldWorker]:
    async with told_worker() as worker:
        yield worker


# The feed


async def test_what_a_worker_found_before_and_after_the_link_was_made_comes_once(worker: ToldWorker) -> None:
    worker.tell("a", UP)
    async with linked(worker.url) as link:
        await link.until_told(("a", UP))
        worker.tell("b", UP)
        await link.until_told(("a", UP), ("b", UP))
        worker.tell("a", DOWN)
        await link.until_told(("a", UP), ("b", UP), ("a", DOWN))
        assert link.state.problem is None
        assert link.state.report is not None
        assert link.state.heard_at is not None
        assert sample(link.metrics, "pollwatch_operator_feed_states_total", pool="east") == 3


async def test_only_the_newest_state_of_a_check_on_a_page_is_not_history(worker: ToldWorker) -> None:
    for verdict in (UP, DOWN, UP):
        worker.tell("a", verdict)
    worker.tell("b", DOWN)
    async with linked(worker.url) as link:
        await until(lambda: len(link.found) == 4, "all states")
        assert [(one.state.key.name, one.state.verdict, one.history) for one in link.found] == [
            ("a", UP, True),
            ("a", DOWN, True),
            ("a", UP, False),
            ("b", DOWN, False),
        ]


async def test_what_was_found_lately_is_told_from_what_is_old_whatever_clocks_say(worker: ToldWorker) -> None:
    found = [worker.tell("b", verdict) for verdict in (UP, DOWN)]
    # Its turn is not in the feed any more.
    quiet = replace(found[0], key=make_check("a").key)
    worker.states[quiet.key] = quiet
    async with linked(worker.url) as link:
        await until(lambda: len(link.found) == 3, "all states")
        assert [(one.state.key.name, one.state.verdict, one.recent) for one in link.found] == [
            ("b", UP, True),
            ("b", DOWN, True),
            ("a", UP, False),
        ]
        worker.tell("a", DOWN)
        await until(lambda: len(link.found) == 4, "what is new")
        assert link.found[-1].recent is None


async def test_after_a_cut_connection_it_goes_on_where_it_was(worker: ToldWorker) -> None:
    async with (
        line_to("127.0.0.1", worker.server.port) as line,
        linked(f"http://127.0.0.1:{line.port}") as link,
    ):
        worker.tell("a", UP)
        await link.until_told(("a", UP))
        line.break_off()
        worker.tell("a", DOWN)
        await link.until_told(("a", UP), ("a", DOWN))
        assert (
            sample(link.metrics, "pollwatch_operator_worker_restarts_total", pool="east", worker="east-0")
            == 0
        )


async def test_a_worker_that_was_started_anew_is_noticed_and_tells_all_it_knows(worker: ToldWorker) -> None:
    worker.tell("a", UP)
    async with linked(worker.url) as link:
        await link.until_told(("a", UP))
        await worker.restart()
        worker.tell("a", DOWN)
        await link.until_told(("a", UP), ("a", DOWN))
        assert (
            sample(link.metrics, "pollwatch_operator_worker_restarts_total", pool="east", worker="east-0")
            == 1
        )
        assert link.state.lost == 0


async def test_a_feed_that_overflowed_is_said_and_no_verdict_is_missed() -> None:
    async with (
        told_worker(capacity=3) as worker,
        line_to("127.0.0.1", worker.server.port) as line,
        linked(f"http://127.0.0.1:{line.port}") as link,
    ):
        worker.tell("first", UP)
        await link.until_told(("first", UP))
        line.cut()
        line.break_off()
        worker.tell("early", DOWN)
        for number in range(5):
            worker.tell("busy", DOWN if number % 2 else UP)
        line.mend()
        await until(lambda: ("early", DOWN) in link.told, "the state that left the ring")
        assert link.state.lost == 3
        assert link.state.lost_at is not None
        newest = {one.state.key.name: one.state.verdict for one in link.found if not one.history}
        assert newest == {"first": UP, "early": DOWN, "busy": UP}
        lost = sample(link.metrics, "pollwatch_operator_feed_lost_states_total", pool="east", worker="east-0")
        assert lost == 3


async def test_what_left_the_ring_is_no_loss_for_the_next_leader_if_the_last_one_has_read_it() -> None:
    async with told_worker(capacity=3) as worker:
        async with linked(worker.url) as link:
            turns = [("busy", DOWN), ("busy", UP)] * 5
            for number, (name, verdict) in enumerate(turns, 1):
                worker.tell(name, verdict)
                await link.until_told(*turns[:number])
        async with linked(worker.url) as link:
            await until(lambda: link.found, "the states")
            assert link.state.lost == 0


async def test_what_left_the_ring_while_nobody_led_is_said_by_the_next_leader() -> None:
    async with told_worker(capacity=3) as worker:
        for number in range(10):
            worker.tell("busy", DOWN if number % 2 else UP)
        async with linked(worker.url) as link:
            await until(lambda: link.found, "the states")
            assert link.state.lost == 7
            assert link.state.lost_at is not None


async def test_lag_grows_while_a_worker_cannot_be_heard(
    worker: ToldWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollwatch.control.puller.WAIT", 0.2)
    async with (
        line_to("127.0.0.1", worker.server.port) as line,
        linked(f"http://127.0.0.1:{line.port}") as link,
    ):
        worker.tell("a", UP)
        await link.until_told(("a", UP))
        line.cut()
        line.break_off()
        await until(lambda: link.state.lag > 1.0, "the lag to grow")
        lag = sample(link.metrics, "pollwatch_operator_feed_lag_seconds", pool="east", worker="east-0")
        assert lag > 1.0
        line.mend()
        line.break_off()
        await until(lambda: link.state.lag < 1.0, "the lag to end")


async def test_a_worker_whose_clock_is_behind_is_not_taken_for_one_that_lags(
    worker: ToldWorker,
) -> None:
    async with linked(worker.url) as link:
        worker.tell("a", UP)
        await link.until_told(("a", UP))
        worker.tell("a", DOWN, at=time.time() - 7200)
        await link.until_told(("a", UP), ("a", DOWN))
        assert link.state.lag < 600


async def test_of_a_worker_that_is_silent_for_long_nothing_is_known_until_it_speaks_again(
    worker: ToldWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollwatch.control.puller.WAIT", 0.2)
    monkeypatch.setattr("pollwatch.control.puller.VOUCHED", 1.0)
    monkeypatch.setattr("pollwatch.control.feed_page.SLACK", 0.5)
    async with (
        line_to("127.0.0.1", worker.server.port) as line,
        linked(f"http://127.0.0.1:{line.port}") as link,
    ):
        worker.tell("a", DOWN)
        worker.tell("b", UP)
        await link.until_told(("a", DOWN), ("b", UP))
        line.cut()
        line.break_off()
        await until(lambda: len(link.found) == 2 + len(link.book), "the end of what is known")
        assert {(one.state.verdict, one.state.reason) for one in link.found[2:]} == {(Verdict.UNKNOWN, None)}
        worker.tell("b", DOWN)
        worker.tell("b", UP)
        del link.found[:]
        line.mend()
        await until(lambda: ("a", DOWN) in link.told, "all that is known")
        # First what it went through, then how everything is.
        assert [one for one in link.told if one[1] is not Verdict.UNKNOWN][:2] == [("b", DOWN), ("b", UP)]
        assert link.state.lost == 0


async def test_a_worker_that_moves_is_followed_at_once(worker: ToldWorker) -> None:
    async with serve(silence) as gone, linked(gone.url.rstrip("/")) as link:
        await until(lambda: gone.connections, "the first try")
        worker.tell("a", UP)
        link.url = worker.url
        link.link.nudge()
        await link.until_told(("a", UP))


async def test_a_worker_without_an_address_is_waited_for(worker: ToldWorker) -> None:
    worker.tell("a", UP)
    async with linked(None) as link:
        await asyncio.sleep(0.1)
        assert (link.found, link.state.problem) == ([], None)
        link.url = worker.url
        await link.until_told(("a", UP))


async def test_series_of_a_worker_go_with_its_link(worker: ToldWorker) -> None:
    async with linked(worker.url) as link:
        await until(lambda: link.state.report, "a report")
        assert 'worker="east-0"' in exposed(link.metrics)
    assert 'worker="east-0"' not in exposed(link.metrics)


def exposed(metrics: ControlMetrics) -> str:
    from pollwatch.series.exposition import Exposition  # noqa: PLC0415 - one test

    return b"".join(metrics.render(next(iter(Exposition)))).decode()


# Problems


async def test_a_worker_that_does_not_answer_is_told_after_a_while_and_not_before(
    worker: ToldWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollwatch.control.puller.PATIENCE", 3600.0)
    errors = "pollwatch_operator_feed_errors_total"
    worker.tell("a", UP)
    async with linked(worker.url) as link:
        await link.until_told(("a", UP))
        port = worker.server.port
        await worker.stop()
        await until(lambda: sample(link.metrics, errors, pool="east", worker="east-0") >= 2, "two tries")
        assert link.state.problem is None
        monkeypatch.setattr("pollwatch.control.puller.PATIENCE", 0.0)
        await until(lambda: link.reason is LinkReason.UNREACHABLE, "it to be told")
        assert f"127.0.0.1:{port}" in link.message
        assert "NetworkPolicy" in link.message


async def test_a_worker_that_knows_none_of_the_keys_is_told_with_what_to_do(worker: ToldWorker) -> None:
    worker.keys = Keys(feed_tokens=("another-token-altogether",), plan_keys=KEYS.plan_keys)
    async with linked(worker.url) as link:
        await until(lambda: link.reason is LinkReason.TOKEN_MISMATCH, "it to be told")
        assert "keys Secret" in link.message
        worker.keys = KEYS
        await until(lambda: link.state.problem is None, "the end of it")


async def test_what_another_worker_says_in_the_place_of_one_is_not_taken_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pollwatch.control.puller.PATIENCE", 0.1)
    async with told_worker(name="west-3") as stranger, told_worker() as worker:
        stranger.tell("a", DOWN)
        worker.tell("a", UP)
        async with linked(stranger.url) as link:
            await until(lambda: link.reason is LinkReason.UNREACHABLE, "the problem to be told")
            assert "worker west-3 answers there" in link.message
            assert link.state.report is None
            link.url = worker.url
            link.link.nudge()
            await link.until_told(("a", UP))
            assert link.reason is None


async def test_keys_that_are_still_being_made_are_no_mismatch_unless_it_takes_long(
    worker: ToldWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.tell("a", UP)
    async with linked(worker.url) as link:
        link.keys = Keys()
        errors = "pollwatch_operator_feed_errors_total"
        with capture_logs() as logs:
            await until(lambda: sample(link.metrics, errors, pool="east", worker="east-0") >= 2, "two tries")
            assert link.reason is None
            link.keys = KEYS
            await link.until_told(("a", UP))
        assert [entry for entry in logs if entry["log_level"] == "warning"] == []
    monkeypatch.setattr("pollwatch.control.puller.PATIENCE", 0.1)
    async with linked(worker.url) as link:
        link.keys = Keys()
        await until(lambda: link.reason is LinkReason.TOKEN_MISMATCH, "the problem to be told")
        assert "there is no key to show yet" in link.message


async def test_keys_are_rotated_without_a_gap(worker: ToldWorker) -> None:
    new = Keys(
        feed_tokens=("a-token-that-is-newer", *KEYS.feed_tokens),
        plan_keys=(Fernet.generate_key().decode(), *KEYS.plan_keys),
    )
    async with linked(worker.url) as link:
        worker.tell("a", UP)
        await link.until_told(("a", UP))
        link.keys = new
        worker.tell("a", DOWN)
        link.link.deliver(encode(make_check("a")), 1)
        await until(lambda: link.state.live_revision == 1, "the plan to be live under the older key")
        worker.keys = new
        link.link.deliver(encode(make_check("a"), make_check("b")), 2)
        await until(lambda: link.state.live_revision == 2, "the plan to be live under either key")
        worker.keys = Keys(feed_tokens=new.feed_tokens[:1], plan_keys=new.plan_keys[:1])
        worker.tell("a", UP)
        link.link.deliver(encode(make_check("c")), 3)
        await until(lambda: link.state.live_revision == 3, "the plan to be live under the newer key")
        await link.until_told(("a", UP), ("a", DOWN), ("a", UP))
        assert link.state.problem is None


# Plans


async def test_a_plan_is_pushed_and_live_at_once(worker: ToldWorker) -> None:
    async with linked(worker.url) as link:
        link.link.deliver(encode(make_check("a")), 7)
        await until(lambda: link.state.live_revision == 7, "the plan to be live")
        assert [check.key.name for check in worker.plans[-1].checks] == ["a"]
        # The feed may have said it before the push was answered.
        await until(lambda: link.pushes("live") == 1, "the push to be counted")


async def test_a_plan_that_is_live_already_is_not_pushed(worker: ToldWorker) -> None:
    plan = encode(make_check("a"))
    await worker.intake.push(plan.header(7), plan.payload)
    async with linked(worker.url) as link:
        link.link.deliver(plan, 7)
        await until(lambda: link.state.live_revision == 7, "the report")
        link.link.deliver(encode(make_check("b")), 8)
        await until(lambda: link.state.live_revision == 8, "the next plan")
        await until(lambda: link.pushes("live") == 1, "the push to be counted")


async def test_a_worker_that_lost_its_plan_gets_it_again(worker: ToldWorker) -> None:
    async with linked(worker.url) as link:
        link.link.deliver(encode(make_check("a")), 7)
        await until(lambda: link.state.live_revision == 7, "the plan to be live")
        await worker.restart()
        await until(lambda: worker.intake.report.revision == 7, "the plan to be live again")


async def test_a_worker_that_took_a_plan_is_read_at_once_however_long_it_was_silent(
    worker: ToldWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_module, "RETRY_BASE", 3600.0)
    monkeypatch.setattr(peer_module, "RETRY_LIMIT", 3600.0)
    async with linked(worker.url) as link:
        await until(lambda: link.state.report, "a report")
        await worker.stop()
        errors = "pollwatch_operator_feed_errors_total"
        await until(lambda: sample(link.metrics, errors, pool="east", worker="east-0"), "a read that fails")
        await worker.restart()
        worker.tell("a", UP)
        link.link.deliver(encode(make_check("a")), 1)
        await link.until_told(("a", UP))


async def test_of_many_plans_the_newest_one_wins_whatever_hangs(worker: ToldWorker) -> None:
    async with (
        line_to("127.0.0.1", worker.server.port) as line,
        linked(f"http://127.0.0.1:{line.port}") as link,
    ):
        await until(lambda: link.state.report, "a report")
        line.cut()
        for revision in range(1, 6):
            link.link.deliver(encode(make_check(f"check-{revision}")), revision)
            await asyncio.sleep(0.01)
        line.mend()
        await until(lambda: link.state.live_revision == 5, "the newest plan")
        assert [check.key.name for check in worker.plans[-1].checks] == ["check-5"]
        assert len(worker.plans) <= 2


async def test_a_worker_with_a_newer_plan_keeps_it_and_that_is_known(worker: ToldWorker) -> None:
    newer = encode(make_check("newer"))
    async with linked(worker.url) as link:
        await until(lambda: link.state.report, "a report")
        await worker.intake.push(newer.header(9), newer.payload)
        link.link.deliver(encode(make_check("older")), 4)
        await until(lambda: link.state.live_revision == 9, "the worker's revision to be known")
        assert [check.key.name for check in worker.plans[-1].checks] == ["newer"]


async def test_a_plan_that_a_worker_cannot_use_is_told_and_it_probes_on_by_the_last_one(
    worker: ToldWorker,
) -> None:
    async with linked(worker.url) as link:
        link.link.deliver(encode(make_check("a")), 1)
        await until(lambda: link.state.live_revision == 1, "the plan to be live")
        link.link.deliver(encode(make_check("a"), worker="west-3"), 2)
        await until(lambda: link.reason is LinkReason.PLAN_REFUSED, "it to be told")
        assert "probes on by revision 1" in link.message
        assert link.state.live_revision == 1
        link.link.deliver(encode(make_check("b")), 3)
        await until(lambda: link.state.problem is None, "the end of it")


@pytest.mark.parametrize(
    ("plan", "reason", "words"),
    [
        (PlanReport(revision=3, fault=PlanFault.TORN), None, ""),
        (PlanReport(fault=PlanFault.CORRUPT, message="digest"), LinkReason.PLAN_REFUSED, "it probes nothing"),
        (PlanReport(fault=PlanFault.UNSUPPORTED_FORMAT), LinkReason.UNSUPPORTED_FORMAT, "version 0.1"),
        (
            PlanReport(revision=3, unsupported=("a/1", "a/2", "a/3", "a/4")),
            LinkReason.UNSUPPORTED_FORMAT,
            "a/1, a/2, a/3 and 1 more",
        ),
    ],
)
async def test_what_a_worker_says_of_its_mounted_plan_is_told(
    worker: ToldWorker,
    plan: PlanReport,
    reason: LinkReason | None,
    words: str,
) -> None:
    worker.intake.report = plan
    async with linked(worker.url) as link:
        await until(lambda: link.state.report, "a report")
        assert link.reason is reason
        assert words in link.message


def test_tries_come_later_and_later_up_to_a_limit_and_not_all_at_once() -> None:
    def delays(jitter: float) -> list[float]:
        peer = peer_module.Peer(
            pool="p",
            worker="w",
            address=lambda: None,
            keys=Keys,
            client=httpx.AsyncClient(),
            metrics=ControlMetrics(),
            clock=SystemClock(),
            random=lambda: jitter,
        )
        return [peer.delay(failures) for failures in (1, 2, 3, 50)]

    assert delays(1.0) == [0.2, 0.4, 0.8, peer_module.RETRY_LIMIT]
    assert delays(0.0) == [0.1, 0.2, 0.4, peer_module.RETRY_LIMIT / 2]


def test_the_client_goes_straight_to_the_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert not feed_client()._mounts


async def test_a_defect_in_a_link_is_logged_and_it_begins_anew(
    worker: ToldWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollwatch.control.links.AFTER_DEFECT", 0.1)

    async def broken(*_: Any, **__: Any) -> None:
        raise ValueError("a defect")

    worker.tell("a", UP)
    with monkeypatch.context() as patch:
        patch.setattr("pollwatch.control.puller.read_page", broken)
        async with linked(worker.url) as link:
            await until(lambda: sample(link.metrics, "pollwatch_operator_reconcile_errors_total"), "it")
            patch.undo()
            await link.until_told(("a", UP))


async def test_a_link_that_ends_in_the_middle_of_a_read_leaves_nothing_behind(worker: ToldWorker) -> None:
    before = asyncio.all_tasks()
    async with linked(worker.url) as link:
        await until(lambda: link.state.report is not None and worker.app.readers, "a read that waits")
    await until(lambda: asyncio.all_tasks() <= before, "all that the link began to end")
