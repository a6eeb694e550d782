"""What runs in an event loop of its own ends, fails and is cancelled as if it ran here."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pollwatch.control.side_loop import run_in, side_loop


async def test_what_runs_aside_runs_in_a_thread_of_that_name_and_its_result_comes_back() -> None:
    async def where() -> str:
        return threading.current_thread().name

    async with side_loop("aside") as aside:
        assert await run_in(aside, where) == "aside"
    assert not any(thread.name == "aside" for thread in threading.enumerate())


async def test_what_fails_aside_fails_here() -> None:
    async def fail() -> None:
        raise RuntimeError("a defect")

    async with side_loop("aside") as aside:
        with pytest.raises(RuntimeError, match="a defect"):
            await run_in(aside, fail)


async def test_what_runs_aside_can_run_something_here() -> None:
    here, threads = asyncio.get_running_loop(), list[str]()

    async def note() -> None:
        threads.append(threading.current_thread().name)

    async with side_loop("aside") as aside:
        await run_in(aside, lambda: run_in(here, note))
    assert threads == [threading.current_thread().name]


async def test_it_goes_on_while_this_loop_is_held() -> None:
    turns, held = list[bool](), threading.Event()

    async def turn() -> None:
        for _ in range(10):
            await asyncio.sleep(0)
            turns.append(held.is_set())
        went_on.set()

    went_on = threading.Event()
    async with side_loop("aside") as aside:
        turning = asyncio.create_task(run_in(aside, turn))
        await asyncio.sleep(0)
        held.set()
        assert went_on.wait(30.0), "this loop does nothing meanwhile"
        await turning
    assert len(turns) == 10


async def test_who_is_cancelled_here_is_cancelled_there_and_waited_for_however_often_that_is_said() -> None:
    began, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    async def work() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(may_end.wait)
            ended.set()

    async with side_loop("aside") as aside:
        running = asyncio.create_task(run_in(aside, work))
        await asyncio.to_thread(began.wait)
        for _ in range(3):
            running.cancel()
            done, _ = await asyncio.wait([running], timeout=0.01)
            assert not done
        may_end.set()
        await asyncio.wait([running])
        assert running.cancelled()
        assert ended.is_set()


async def test_what_fails_while_it_is_cancelled_says_so() -> None:
    began = threading.Event()

    async def work() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("a defect at the end")

    async with side_loop("aside") as aside:
        running = asyncio.create_task(run_in(aside, work))
        await asyncio.to_thread(began.wait)
        running.cancel()
        with pytest.raises(RuntimeError, match="at the end"):
            await running
