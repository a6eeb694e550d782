"""The link to a worker that was taken over: it gains nothing, and cannot take the operator along."""

import asyncio
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pollwatch.control.feed_page import AHEAD, MAX_LINE
from pollwatch.control.links import LinkReason, feed_client
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.reports import PlanReport, WorkerReport
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.plan.wire import FeedEnd, FeedHead, end_line, head_line, state_line
from tests.control.linked import linked
from tests.control.workers import NAMESPACE
from tests.support.connections import Handler
from tests.support.hostile import gzip_bomb, silence, slow_drip
from tests.support.plan_folders import encode
from tests.support.plans import make_check
from tests.support.sites import serve
from tests.support.waiting import until

UP, DOWN = Verdict.UP, Verdict.DOWN


def honest_report(instance: str = "one", **changes: Any) -> WorkerReport:
    values: dict[str, Any] = {
        "instance": instance,
        "version": "0.1",
        "worker": "east-0",
        "plan": PlanReport(),
        "targets": 1,
        "probes_per_second": 1.0,
        "utilisation": 0.1,
        "lateness": 0.0,
        "missed": 0,
    }
    return WorkerReport(**(values | changes))


def state_of(
    name: str, *, namespace: str = NAMESPACE, verdict: Verdict = DOWN, at: float = 1.0
) -> CheckState:
    return CheckState(
        key=CheckKey(namespace, name),
        uid="u",
        generation=1,
        verdict=verdict,
        previous=UP,
        since=at,
        at=at,
        total=1,
        up=0,
    )


def page(*lines: bytes) -> bytes:
    return b"".join((head_line(FeedHead(report=honest_report(), snapshot=True)), *lines))


def serving(body: bytes, *, headers: str = "") -> Handler:
    """Answers every request with a page."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
            writer.write(head.encode() + body)
            await writer.drain()

    return handle


async def test_states_of_checks_that_it_was_not_given_are_not_taken_in() -> None:
    body = page(
        state_line(state_of("a")),
        state_line(state_of("a", namespace="another-team")),
        state_line(state_of("moved-away")),
        end_line(FeedEnd(3)),
    )
    async with serve(serving(body)) as server, linked(server.url.rstrip("/")) as link:
        await until(lambda: link.found, "the state")
        assert {one.state.key for one in link.found} == {CheckKey(NAMESPACE, "a")}


async def test_times_to_come_are_not_believed() -> None:
    clock = SystemClock()
    future = clock.time() + 10 * AHEAD
    body = page(
        state_line(state_of("a", verdict=UP, at=future)),
        state_line(state_of("a", at=future + 1)),
        end_line(FeedEnd(2)),
    )
    async with serve(serving(body)) as server, linked(server.url.rstrip("/")) as link:
        await until(lambda: link.found, "the state")
        assert link.told[0] == ("a", DOWN)
        assert link.found[0].state.since <= clock.time()
        assert link.found[0].state.at <= clock.time()


async def test_a_beginning_that_no_calendar_has_is_not_believed() -> None:
    body = page(
        state_line(replace(state_of("a", verdict=UP), since=2.0**53)),
        state_line(replace(state_of("a"), since=2.0**53)),
        end_line(FeedEnd(2)),
    )
    async with serve(serving(body)) as server, linked(server.url.rstrip("/")) as link:
        await until(lambda: link.found, "the state")
        assert link.told[0] == ("a", DOWN)
        assert link.found[0].state.since <= SystemClock().time()


async def test_cookies_are_not_kept() -> None:
    cookies = "".join(f"Set-Cookie: c{number}=1; Path=/\r\n" for number in range(50))
    async with (
        serve(serving(page(state_line(state_of("a")), end_line(FeedEnd(1))), headers=cookies)) as server,
        feed_client() as client,
    ):
        assert (await client.get(f"{server.url}feed")).headers.get_list("Set-Cookie")
        assert not client.cookies.jar


def endless(line: Callable[[], bytes]) -> Handler:
    """A page that never ends."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.write(head_line(FeedHead(report=honest_report(), snapshot=True)))
        while True:
            writer.write(line() * 100)
            await writer.drain()

    return handle


@pytest.mark.parametrize(
    "handler",
    [
        serving(b"<html>Welcome to nginx!</html>\n"),
        serving(b'{"format": 2, "report": {}}\n'),
        serving(page()),
        serving(page(b"[1, 2]\n", end_line(FeedEnd(1)))),
        serving(page(end_line(FeedEnd(1)), state_line(state_of("a")))),
        serving(page(b"x" * (2 * MAX_LINE))),
        serving(page(b"[" * 100_000 + b"\n", end_line(FeedEnd(1)))),
        serving(page(end_line(FeedEnd(1))), headers="Content-Encoding: br\r\n"),
        gzip_bomb(megabytes=64),
        endless(lambda: state_line(state_of("foreign", namespace="another-team")) * 10),
    ],
    ids=[
        "another server",
        "another format",
        "no end",
        "no states",
        "on after its end",
        "one endless line",
        "deep",
        "compressed",
        "a bomb",
        "endless",
    ],
)
async def test_what_is_no_feed_is_told_and_nothing_of_it_taken_in(
    handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollwatch.control.feed_page.MAX_PAGE", 4 << 20)
    tracemalloc.start()
    try:
        async with serve(handler) as server, linked(server.url.rstrip("/")) as link:
            await until(lambda: link.reason is LinkReason.UNSUPPORTED_FORMAT, "it to be told")
            assert link.found == []
            assert "same version" in link.message
        assert tracemalloc.get_traced_memory()[1] < 48 << 20
    finally:
        tracemalloc.stop()


async def test_a_flood_of_states_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pollwatch.control.feed_page.MAX_HISTORY", 10)
    lines = [state_line(state_of("a", at=float(number))) for number in range(1000)]
    async with (
        serve(serving(page(*lines, end_line(FeedEnd(1000))))) as server,
        linked(server.url.rstrip("/")) as link,
    ):
        await until(lambda: len(link.found) >= 11, "the states")
        assert [one.state.at for one in link.found[:11]] == [float(number) for number in range(989, 1000)]
        assert link.state.lost >= 989


async def test_a_worker_that_tells_without_end_is_listened_to_at_a_pace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pollwatch.control.puller.STATES_BURST", 250.0)
    monkeypatch.setattr("pollwatch.control.puller.STATES_RATE", 0.1)
    monkeypatch.setattr("pollwatch.control.puller.INTERVAL", 0.0)
    lines = [state_line(state_of("a", at=float(number))) for number in range(100)]
    async with (
        serve(serving(page(*lines, end_line(FeedEnd(100))))) as server,
        linked(server.url.rstrip("/")) as link,
    ):
        await until(lambda: len(link.found) >= 300, "three pages")
        await asyncio.sleep(0.3)
        assert len(link.found) == 300


@pytest.mark.parametrize("handler", [silence, slow_drip], ids=["silence", "slow drip"])
async def test_a_worker_that_only_keeps_us_waiting_is_unreachable(
    handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollwatch.control.puller.WAIT", 0.1)
    monkeypatch.setattr("pollwatch.control.feed_page.SLACK", 0.4)
    monkeypatch.setattr("pollwatch.control.puller.PATIENCE", 0.5)
    async with serve(handler) as server, linked(server.url.rstrip("/")) as link:
        await until(lambda: link.reason is LinkReason.UNREACHABLE, "it to be told")


async def test_an_answer_to_a_push_that_a_worker_never_gives_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pollwatch.control.pusher.PATIENCE", 0.5)
    body = page(end_line(FeedEnd(1)))

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if request.startswith(b"POST"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]")
        else:
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    async with serve(handle) as server, linked(server.url.rstrip("/")) as link:
        link.link.deliver(encode(make_check("a")), 1)
        await until(lambda: "mounted Secret" in link.message, "it to be told")
        assert link.reason is LinkReason.UNREACHABLE


@pytest.mark.parametrize("status", ["999 Whatever", "299 New", "600 Beyond"])
async def test_a_status_that_nobody_knows_in_answer_to_a_push_is_told(
    status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pollwatch.control.pusher.PATIENCE", 0.5)
    body = page(end_line(FeedEnd(1)))

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if request.startswith(b"POST"):
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno".encode())
        else:
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    async with serve(handle) as server, linked(server.url.rstrip("/")) as link:
        link.link.deliver(encode(make_check("a")), 1)
        await until(lambda: f"HTTP {status[:3]}: no" in link.message, "it to be told")


def test_reports_are_json_that_others_can_read() -> None:
    """The stand-ins of these tests speak as workers do."""
    assert json.loads(head_line(FeedHead(report=honest_report())))["format"] == 1
