"""Pushed plans: what an operator sends is live at once, and nobody else gets anything done."""

import asyncio
import gzip
import hashlib
import json
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography.fernet import Fernet

from pollwatch.plan.clock import SystemClock
from pollwatch.plan.header import MAX_UNPACKED, HeaderWriter
from pollwatch.plan.reports import PlanFault
from pollwatch.plan.wire import read_plan_report
from pollwatch.worker import connection
from pollwatch.worker.health import Health
from pollwatch.worker.keys import Keys, PlanBox
from pollwatch.worker.plan_intake import PlanIntake
from pollwatch.worker.plan_push import MAX_BODY, MAX_PUSHES, PlanPush
from pollwatch.worker.serve import HttpServer
from tests.support.plan_folders import AUTHORIZED, KEYS, encode, sealed
from tests.support.plans import make_check
from tests.support.waiting import until

if TYPE_CHECKING:
    from pollwatch.plan.checks import Plan

OTHER_KEY = Fernet.generate_key().decode()
MIB = 1 << 20


class Bench:
    """An intake behind `/plan`."""

    def __init__(self, keys: Keys | None) -> None:
        self.keys = keys
        self.applied: list[Plan] = []
        self.intake = PlanIntake(self.applied.append, changed=lambda: None, clock=SystemClock())
        self.push = PlanPush(push=self.intake.push, report=lambda: self.intake.report, keys=lambda: self.keys)
        self.server = HttpServer(
            "127.0.0.1:0",
            metrics=[],
            health=lambda: Health(ok=True),
            ready=lambda: Health(ok=True),
            uploads={"/plan": self.push},
        )

    @property
    def names(self) -> list[list[str]]:
        """The Checks of each plan that was applied."""
        return [[check.key.name for check in plan.checks] for plan in self.applied]

    async def begin(self, headers: str) -> socket.socket:
        """Send the head of a push from a client of few words."""
        client = socket.socket()
        client.setblocking(False)  # noqa: FBT003 -- the standard library's signature
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", self.server.port))
        await loop.sock_sendall(client, f"POST /plan HTTP/1.1\r\nHost: w\r\n{headers}\r\n\r\n".encode())
        return client


@asynccontextmanager
async def serving(keys: Keys | None = KEYS) -> AsyncIterator[tuple[Bench, httpx.AsyncClient]]:
    bench = Bench(keys)
    await bench.server.start()
    try:
        async with httpx.AsyncClient(base_url=bench.server.url, timeout=60, headers=AUTHORIZED) as client:
            yield bench, client
    finally:
        await bench.server.stop()


async def test_a_pushed_plan_is_live_when_the_answer_comes() -> None:
    async with serving() as (bench, client):
        response = await client.post("/plan", content=sealed(encode(make_check("a")), revision=7))
        assert bench.names == [["a"]]
    assert response.status_code == 200
    report = read_plan_report(response.json())
    assert (report.revision, report.checks, report.fault) == (7, 1, None)


async def test_a_plan_of_several_megabytes_is_taken() -> None:
    checks = [make_check(f"check-{number}", confidential=(f"{number}" * 400,)) for number in range(3_000)]
    async with serving() as (bench, client):
        body = sealed(encode(*checks), revision=1)
        response = await client.post("/plan", content=body)
        assert response.status_code == 200, response.text
        assert len(bench.applied[0].checks) == 3_000


@pytest.mark.parametrize("revision", [7, 6, 1])
async def test_a_plan_that_is_not_newer_is_told_which_one_is_live(revision: int) -> None:
    async with serving() as (bench, client):
        await client.post("/plan", content=sealed(encode(make_check("a")), revision=7))
        replayed = await client.post("/plan", content=sealed(encode(make_check("old")), revision=revision))
        assert replayed.status_code == 409
        assert read_plan_report(replayed.json()).revision == 7
        assert bench.names == [["a"]]


async def test_each_of_the_keys_opens_so_that_they_can_be_exchanged() -> None:
    async with serving(replace(KEYS, plan_keys=(OTHER_KEY, *KEYS.plan_keys))) as (bench, client):
        plan = encode(make_check("a"))
        for revision, keys in ((1, KEYS), (2, replace(KEYS, plan_keys=(OTHER_KEY,)))):
            body = sealed(plan, revision=revision, keys=keys)
            assert (await client.post("/plan", content=body)).status_code == 200
        bench.keys = replace(KEYS, plan_keys=(OTHER_KEY,))
        assert (await client.post("/plan", content=sealed(plan, revision=3))).status_code == 401


async def test_a_bad_plan_under_a_good_seal_is_refused_with_its_fault_and_the_live_one_stays() -> None:
    plan = encode(make_check("a"), make_check("b"))
    half = KEYS.plan_box.seal(plan.header(8) + b"\n" + plan.payload[:-1])
    foreign = sealed(encode(make_check("c"), worker="east-1"), revision=9)
    future = KEYS.plan_box.seal(json.dumps({**json.loads(plan.header(8)), "format": 99}).encode() + b"\n")
    nothing = KEYS.plan_box.seal(b"")
    async with serving() as (bench, client):
        await client.post("/plan", content=sealed(plan, revision=7))
        for body, fault in (
            (half, PlanFault.TORN),
            (foreign, PlanFault.WRONG_WORKER),
            (future, PlanFault.UNSUPPORTED_FORMAT),
            (nothing, PlanFault.CORRUPT),
        ):
            response = await client.post("/plan", content=body)
            assert response.status_code == 422
            report = read_plan_report(response.json())
            assert (report.fault, report.revision) == (fault, 7)
            assert report.message
        assert bench.names == [["a", "b"]]


@pytest.mark.parametrize("body", [b"", b"garbage", bytes(100_000), b"gAAAAA" * 10_000])
async def test_what_is_not_sealed_is_refused(body: bytes) -> None:
    async with serving() as (bench, client):
        response = await client.post("/plan", content=body)
        assert response.status_code == 401
        assert response.text == "not sealed with a key that is known here\n"
        assert not bench.applied


async def test_without_keys_nothing_is_taken() -> None:
    body = sealed(encode(make_check("a")), revision=1)
    async with serving(Keys()) as (bench, client):
        assert (await client.post("/plan", content=body)).status_code == 403
        bench.keys = replace(KEYS, plan_keys=())
        response = await client.post("/plan", content=body)
        assert (response.status_code, "no plan key" in response.text) == (403, True)
        assert not bench.applied


async def test_until_the_keys_are_known_and_when_it_stops_a_worker_asks_to_try_again() -> None:
    body = sealed(encode(make_check("a")), revision=1)
    async with serving(None) as (bench, client):
        starting = await client.post("/plan", content=body)
        assert (starting.status_code, starting.headers["Retry-After"]) == (503, "1")
        bench.keys = KEYS
        bench.push.close()
        stopping = await client.post("/plan", content=body)
        assert (stopping.status_code, stopping.text) == (503, "the worker is stopping\n")
        assert not bench.applied


async def test_a_plan_cannot_be_read_and_a_worker_cannot_be_posted_to_elsewhere() -> None:
    async with serving() as (_, client):
        response = await client.get("/plan")
        assert (response.status_code, response.headers["Allow"]) == (405, "POST")
        for path in ("/metrics", "/healthz", "/"):
            assert (await client.post(path, content=b"x")).headers["Allow"] == "GET, HEAD"


async def flood(client: socket.socket, total: int) -> int:
    """Send zeros until the server ends the connection or all are sent; give how many went."""
    loop = asyncio.get_running_loop()
    sent, piece = 0, bytes(MIB // 4)
    try:
        while sent < total:
            await asyncio.wait_for(loop.sock_sendall(client, piece), 30)
            sent += len(piece)
    except (ConnectionError, TimeoutError):
        pass
    return sent


@pytest.mark.parametrize(
    "headers",
    [
        f"Content-Length: {100 * MIB}",
        f"Content-Length: {100 * MIB}\r\nAuthorization: Bearer wrong",
        "Transfer-Encoding: chunked\r\n\r\n6400000",
        f"Content-Length: {100 * MIB}\r\nAuthorization: {AUTHORIZED['Authorization']}",
        f"Transfer-Encoding: chunked\r\nAuthorization: {AUTHORIZED['Authorization']}\r\n\r\n6400000",
    ],
    ids=["no-token", "wrong-token", "no-token-chunked", "token", "token-chunked"],
)
async def test_a_body_of_100_mib_is_not_held_in_memory(headers: str) -> None:
    async with serving() as (bench, client):
        tracemalloc.start()
        try:
            stranger = await bench.begin(headers)
            with stranger:
                sent = await flood(stranger, 100 * MIB)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert sent < 50 * MIB
        assert peak < (4 * MAX_BODY if AUTHORIZED["Authorization"] in headers else 4 * MIB)
        assert (await client.post("/plan", content=sealed(encode(), revision=1))).status_code == 200


async def test_whoever_dawdles_over_a_push_holds_a_place_only_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 1.0)
    body = sealed(encode(make_check("a")), revision=1)
    async with serving() as (bench, client):
        head = f"Content-Length: {len(body)}\r\nAuthorization: {AUTHORIZED['Authorization']}"
        dawdling = [await bench.begin(head) for _ in range(MAX_PUSHES)]
        await until(lambda: bench.push._under_way == MAX_PUSHES, "the pushes to begin")
        refused = await client.post("/plan", content=body)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        await until(lambda: bench.push._under_way == 0, "the pushes to be given up")
        assert (await client.post("/plan", content=body)).status_code == 200
        for one in dawdling:
            one.close()


async def test_a_push_that_is_broken_off_changes_nothing_and_frees_its_place() -> None:
    body = sealed(encode(make_check("a")), revision=1)
    async with serving() as (bench, client):
        head = f"Content-Length: {len(body)}\r\nAuthorization: {AUTHORIZED['Authorization']}"
        broken = await bench.begin(head)
        await asyncio.get_running_loop().sock_sendall(broken, body[:50])
        await until(lambda: bench.push._under_way == 1, "the push to begin")
        broken.close()
        await until(lambda: bench.push._under_way == 0, "the push to end")
        assert not bench.applied
        assert (await client.post("/plan", content=body)).status_code == 200


@pytest.mark.parametrize("admitted", [10, MAX_UNPACKED, 1 << 40], ids=["a-lie", "the-most", "the-truth"])
async def test_a_bomb_under_a_good_seal_is_not_unpacked(admitted: int) -> None:
    bomb = gzip.compress(bytes(300 * MIB), mtime=0)
    good = encode(make_check("a"))
    honest = good.content
    block = replace(
        honest.blocks[-1],
        sha256=hashlib.sha256(bomb).hexdigest(),
        packed=len(bomb),
        unpacked=admitted,
        checks=1,
    )
    header = HeaderWriter(replace(honest, blocks=(block,))).line(1)
    body = PlanBox(KEYS.plan_keys).seal(header + b"\n" + bomb)
    async with serving() as (bench, client):
        tracemalloc.start()
        try:
            response = await client.post("/plan", content=body)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert read_plan_report(response.json()).fault is PlanFault.CORRUPT
        assert peak < 2 * MAX_UNPACKED + 16 * MIB
        assert not bench.applied
