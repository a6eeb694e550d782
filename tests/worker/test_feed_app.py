"""The feed over HTTP: nothing is lost unseen, nobody strange reads it, and nobody is held up."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.plan.checks import CheckKey
from pollwatch.plan.reports import PlanReport, WorkerReport
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.plan.wire import FeedEnd, FeedHead, read_head, read_line
from pollwatch.worker import connection
from pollwatch.worker.feed import Feed
from pollwatch.worker.feed_app import REPLAYED, SLICE, FeedApp, Question, answer
from pollwatch.worker.health import Health
from pollwatch.worker.keys import Keys
from pollwatch.worker.serve import HttpServer
from tests.support.clock import FakeClock
from tests.support.plan_folders import AUTHORIZED, KEYS
from tests.support.waiting import until

DEADLINE = 25.0
"""Seconds that a test waits at most: less than the longest wait of a reader."""


def make_state(name: str, *, at: float, verdict: Verdict = Verdict.DOWN) -> CheckState:
    return CheckState(
        key=CheckKey("public-sites", name),
        uid="uid",
        generation=1,
        verdict=verdict,
        previous=Verdict.UNKNOWN,
        since=at,
        at=at,
        total=1,
        up=0,
    )


@dataclass
class Page:
    """A page, as a reader understands it."""

    head: FeedHead
    states: list[CheckState]
    cursor: int

    @classmethod
    def parse(cls, body: bytes) -> "Page":
        head, *lines = body.splitlines()
        *states, end = map(read_line, lines)
        assert isinstance(end, FeedEnd)
        return cls(read_head(head), [state for state in states if isinstance(state, CheckState)], end.cursor)

    @property
    def names(self) -> list[str]:
        return [state.key.name for state in self.states]


@dataclass
class Bench:
    """A feed that the test fills, served."""

    capacity: int = 1_000
    clock: FakeClock = field(default_factory=FakeClock)
    states: dict[CheckKey, CheckState] = field(default_factory=dict)
    keys: Keys = KEYS
    plan: PlanReport = field(default_factory=PlanReport)
    max_readers: int = 3

    def __post_init__(self) -> None:
        self.feed = Feed(clock=self.clock, instance="one", capacity=self.capacity)
        self.app = FeedApp(
            feed=self.feed,
            states=lambda: self.states,
            report=self.report,
            keys=lambda: self.keys,
            max_readers=self.max_readers,
        )
        self.server = HttpServer(
            "127.0.0.1:0",
            metrics=[],
            health=lambda: Health(ok=True),
            ready=lambda: Health(ok=True),
            routes={"/feed": self.app},
        )

    def report(self) -> WorkerReport:
        return WorkerReport(
            instance=self.feed.instance,
            version="0",
            worker="east-0",
            plan=self.plan,
            targets=1,
            probes_per_second=1.0,
            utilisation=0.5,
            lateness=0.001,
            missed=0,
        )

    def publish(self, name: str) -> CheckState:
        state = make_state(name, at=self.clock.time())
        self.states[state.key] = state
        self.feed.publish(state)
        return state

    async def read(self, client: httpx.AsyncClient, **query: str | float) -> Page:
        response = await client.get("/feed", params=query, headers=AUTHORIZED)
        assert response.status_code == 200, response.text
        assert response.headers["Content-Type"] == "application/x-ndjson"
        return Page.parse(response.content)

    async def waiting(self, readers: int) -> None:
        """Return when so many readers wait."""
        await until(lambda: self.app.readers == readers, f"{readers} readers")


@asynccontextmanager
async def serving(**changes: object) -> AsyncIterator[tuple[Bench, httpx.AsyncClient]]:
    bench = Bench(**changes)  # type: ignore[arg-type] # a field of Bench each
    await bench.server.start()
    try:
        async with httpx.AsyncClient(base_url=bench.server.url, timeout=DEADLINE) as client:
            yield bench, client
    finally:
        await bench.server.stop()


async def test_a_reader_gets_the_states_after_its_cursor_and_where_to_go_on() -> None:
    async with serving() as (bench, client):
        for name in "abc":
            bench.publish(name)
        page = await bench.read(client, instance="one", after=1)
        assert (page.names, page.cursor, page.head.lost, page.head.snapshot) == (["b", "c"], 3, 0, False)
        assert page.head.report == bench.report()
        assert page.head.recent is None
        assert (await bench.read(client, instance="one", after=3)).states == []


async def test_a_reader_without_a_cursor_gets_every_check_also_those_that_never_changed() -> None:
    async with serving() as (bench, client):
        quiet = make_state("quiet", at=5.0, verdict=Verdict.UNKNOWN)
        bench.states[quiet.key] = quiet
        for name in "aba":
            bench.publish(name)
        page = await bench.read(client)
        assert page.head.snapshot
        assert (page.names, page.cursor, page.head.lost) == (["a", "b", "a", "quiet"], 3, 0)


async def test_a_cursor_of_another_instance_means_a_worker_that_was_started_anew() -> None:
    async with serving() as (bench, client):
        bench.publish("a")
        page = await bench.read(client, instance="zero", after=1, wait=20)
        assert page.head.snapshot
        assert (page.names, page.head.report.instance, page.cursor) == (["a"], "one", 1)


async def test_a_cursor_that_was_never_given_out_is_one_of_another_instance() -> None:
    async with serving() as (bench, client):
        bench.publish("a")
        assert (await bench.read(client, instance="one", after=7)).names == ["a"]


async def test_a_ring_that_overflowed_is_told_with_every_state_as_it_is_now() -> None:
    async with serving(capacity=2) as (bench, client):
        for name in "abcd":
            bench.publish(name)
        page = await bench.read(client, instance="one", after=1)
        assert (page.head.lost, page.head.snapshot, page.cursor) == (1, True, 4)
        assert page.names == ["c", "d", "a", "b"]
        assert not (await bench.read(client, instance="one", after=page.cursor)).head.lost


async def test_what_was_read_is_told_again_to_a_reader_without_a_cursor_if_it_is_recent() -> None:
    async with serving() as (bench, client):
        for name in ("long-ago", "long-ago"):
            bench.publish(name)
        await bench.read(client, instance="one", after=2)
        bench.clock.advance(REPLAYED / 2)
        for name in ("flapped", "flapped", "flapped"):
            bench.publish(name)
        bench.clock.advance(REPLAYED / 2)
        page = await bench.read(client)
        assert page.names == ["flapped", "flapped", "flapped", "long-ago"]
        assert page.head.recent == 3


async def test_what_nobody_has_read_is_told_however_long_ago_it_was() -> None:
    async with serving() as (bench, client):
        bench.publish("read")
        await bench.read(client, instance="one", after=1)
        outage = [bench.publish("down-and-up") for _ in range(2)]
        bench.clock.advance(2 * REPLAYED)
        page = await bench.read(client)
        assert page.states == [*outage, bench.states[CheckKey("public-sites", "read")]]
        assert page.head.recent == 2


async def test_a_page_is_read_when_its_reader_shows_the_cursor_and_not_when_it_was_sent() -> None:
    async with serving() as (bench, client):
        for name in ("a", "a"):
            bench.publish(name)
        page = await bench.read(client)
        bench.clock.advance(2 * REPLAYED)
        assert (await bench.read(client)).names == ["a", "a"]
        await bench.read(client, instance="one", after=page.cursor)
        assert (await bench.read(client)).names == ["a"]


async def test_what_was_overwritten_before_anybody_read_it_is_counted_for_whoever_comes() -> None:
    async with serving(capacity=2) as (bench, client):
        for name in "abcd":
            bench.publish(name)
        page = await bench.read(client)
        assert (page.head.lost, page.names) == (2, ["c", "d", "a", "b"])
        await bench.read(client, instance="one", after=page.cursor)
        for name in "ab":
            bench.publish(name)
        assert (await bench.read(client)).head.lost == 0
        bench.publish("a")
        assert (await bench.read(client)).head.lost == 1


@pytest.mark.parametrize("step", [-2 * REPLAYED, 2 * REPLAYED])
async def test_a_wall_clock_that_is_set_makes_no_transition_older_or_newer(step: float) -> None:
    async with serving() as (bench, client):
        bench.publish("long-ago")
        await bench.read(client, instance="one", after=1)
        bench.clock.advance(REPLAYED)
        flapped = [bench.publish("flapped") for _ in range(2)]
        bench.clock.set_wall(bench.clock.time() + step)
        page = await bench.read(client)
        assert page.states == [*flapped, bench.states[CheckKey("public-sites", "long-ago")]]
        assert page.names == ["flapped", "flapped", "long-ago"]
        assert page.head.recent == 2
        assert page.head.now == bench.clock.time()


async def test_what_a_check_went_through_that_is_not_probed_any_more_is_not_on_a_page_of_all() -> None:
    async with serving(capacity=4) as (bench, client):
        left, stays = bench.publish("left"), bench.publish("stays")
        del bench.states[left.key]
        page = await bench.read(client)
        assert (page.states, page.head.recent) == ([stays], 1)
        for _ in range(2):
            bench.feed.publish(left)
        bench.feed.publish(stays)
        assert (await bench.read(client, instance="one", after=0)).states == [stays, stays]


async def test_a_state_whose_check_was_edited_since_is_told_again_with_its_generation() -> None:
    async with serving() as (bench, client):
        state = bench.publish("a")
        bench.states[state.key] = replace(state, generation=2)
        assert [state.generation for state in (await bench.read(client)).states] == [1, 2]


async def test_a_reader_that_waits_is_told_at_once() -> None:
    async with serving() as (bench, client):
        reading = asyncio.create_task(bench.read(client, instance="one", after=0, wait=30))
        await bench.waiting(1)
        bench.publish("a")
        assert (await asyncio.wait_for(reading, DEADLINE)).names == ["a"]
        assert bench.app.readers == 0


async def test_states_that_come_together_are_one_page() -> None:
    async with serving() as (bench, client):
        reading = asyncio.create_task(bench.read(client, instance="one", after=0, wait=30))
        await bench.waiting(1)
        for name in "abc":
            bench.publish(name)
            await asyncio.sleep(0)
        assert (await asyncio.wait_for(reading, DEADLINE)).names == ["a", "b", "c"]


async def test_a_wait_ends_with_an_empty_page_when_nothing_happens() -> None:
    async with serving() as (bench, client):
        bench.publish("a")
        page = await bench.read(client, instance="one", after=1, wait=0.05)
        assert (page.states, page.cursor, page.head.snapshot) == ([], 1, False)


async def test_another_report_ends_a_wait_even_where_it_changed_before_the_reader_came() -> None:
    async with serving() as (bench, client):
        reading = asyncio.create_task(bench.read(client, instance="one", after=0, wait=30))
        await bench.waiting(1)
        bench.plan = PlanReport(revision=2)
        bench.feed.notice()
        page = await asyncio.wait_for(reading, DEADLINE)
        assert (page.states, page.head.report.plan.revision) == ([], 2)

        bench.plan = PlanReport(revision=3)
        bench.feed.notice()
        late = bench.read(client, instance="one", after=page.cursor, wait=30)
        assert (await asyncio.wait_for(late, DEADLINE)).head.report.plan.revision == 3


async def test_a_page_of_many_slices_arrives_whole_and_lets_others_run() -> None:
    async with serving(capacity=10_000) as (bench, client):
        for number in range(100 * SLICE + 1):
            bench.publish(f"check-{number}")
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        running = asyncio.create_task(others())
        page = await bench.read(client, instance="one", after=0)
        running.cancel()
        assert page.names == [f"check-{number}" for number in range(100 * SLICE + 1)]
        assert turns > 100


async def test_more_readers_than_there_is_room_for_are_sent_away_until_one_leaves() -> None:
    async with serving() as (bench, client):
        waiting = [
            asyncio.create_task(bench.read(client, instance="one", after=0, wait=30)) for _ in range(3)
        ]
        await bench.waiting(3)
        refused = await client.get("/feed", headers=AUTHORIZED)
        assert refused.status_code == 503
        assert refused.text == "3 readers are here already; try again later\n"
        assert refused.headers["Retry-After"] == "1"
        assert (await client.get("/healthz")).status_code == 200
        waiting.pop().cancel()
        await bench.waiting(2)
        assert (await bench.read(client, instance="one", after=0)).cursor == 0
        bench.publish("a")
        await asyncio.gather(*waiting)


async def test_strangers_are_refused_and_take_nobodys_place() -> None:
    async with serving() as (bench, client):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eA=="}):
            response = await client.get("/feed", params={"wait": 30}, headers=headers)
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="pollwatch"'
        assert bench.app.readers == 0


async def test_without_keys_the_feed_is_closed_to_everybody() -> None:
    async with serving(keys=Keys()) as (_, client):
        for headers in ({}, AUTHORIZED, {"Authorization": "Bearer"}):
            response = await client.get("/feed", headers=headers)
            assert response.status_code == 403
            assert "no usable keys.json" in response.text
            assert response.text.count("\n") == 1


@pytest.mark.parametrize(
    "query",
    ["after=-1", "after=x", "after=1.5", "wait=31", "wait=-1", "wait=nan", "wait=inf", "wait=x"],
)
async def test_a_query_that_makes_no_sense_is_told_in_one_line(query: str) -> None:
    async with serving() as (_, client):
        response = await client.get(f"/feed?{query}", headers=AUTHORIZED)
        assert response.status_code == 400
        assert "after" in response.text
        assert response.text.count("\n") == 1


@pytest.mark.parametrize("query", ["a=1&" * 100, "%ff=%00", "=&=&=", "after=" + "9" * 5_000])
async def test_any_query_is_answered(query: str) -> None:
    async with serving() as (_, client):
        assert (await client.get(f"/feed?{query}", headers=AUTHORIZED)).status_code in (200, 400)


async def test_a_head_request_waits_for_nothing() -> None:
    async with serving() as (_, client):
        asked = client.head("/feed", params={"instance": "one", "wait": 30}, headers=AUTHORIZED)
        response = await asyncio.wait_for(asked, DEADLINE)
        assert (response.status_code, response.content) == (200, b"")


async def test_when_the_worker_stops_whoever_waits_is_told_what_there_is() -> None:
    async with serving() as (bench, client):
        reading = asyncio.create_task(bench.read(client, instance="one", after=0, wait=30))
        await bench.waiting(1)
        bench.publish("last-words")
        bench.app.close()
        assert (await asyncio.wait_for(reading, DEADLINE)).names == ["last-words"]
        again = bench.read(client, instance="one", after=bench.feed.cursor, wait=30)
        assert (await asyncio.wait_for(again, DEADLINE)).states == []


async def test_a_reader_that_stops_reading_is_dropped_and_keeps_no_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "STALL_SECONDS", 0.2)
    async with serving(capacity=100_000) as (bench, _):
        for number in range(50_000):
            bench.publish(f"check-{number}")
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)  # noqa: FBT003 -- the standard library's signature
        loop = asyncio.get_running_loop()
        with contextlib.closing(client):
            await loop.sock_connect(client, ("127.0.0.1", bench.server.port))
            head = f"GET /feed HTTP/1.1\r\nHost: w\r\nAuthorization: {AUTHORIZED['Authorization']}\r\n\r\n"
            await loop.sock_sendall(client, head.encode())
            await bench.waiting(1)
            await bench.waiting(0)


@given(
    steps=st.lists(st.integers(0, 8), min_size=1, max_size=12),
    capacity=st.integers(1, 10),
    names=st.integers(1, 5),
)
def test_a_reader_that_comes_again_and_again_misses_nothing_or_is_told_so(
    steps: list[int], capacity: int, names: int
) -> None:
    """Between two visits `steps` states are published; what the reader holds is always what is."""
    feed = Feed(clock=FakeClock(), instance="one", capacity=capacity)
    states: dict[CheckKey, CheckState] = {}
    held: dict[CheckKey, CheckState] = {}
    published: list[CheckState] = []
    seen: list[CheckState] = []
    question = Question()
    for step in steps:
        for _ in range(step):
            number = len(published)
            state = make_state(f"check-{number % names}", at=float(number))
            published.append(state)
            states[state.key] = state
            feed.publish(state)
        page = answer(question, feed, lambda: states)
        held |= {state.key: state for state in page.states}
        seen += page.states if not page.snapshot else []
        if page.snapshot:
            assert page.lost or not question.instance
        else:
            assert page.states == published[len(published) - len(page.states) :]
        assert held == states
        question = Question("one", page.cursor)
    assert len(seen) == len(set(map(id, seen)))
