"""Lines for a file or a pipe: whoever reads them, probes go on."""

import asyncio
import os
from io import StringIO

from pollwatch.cli.display.lines import plain_line
from pollwatch.cli.display.stream import LineStream
from pollwatch.cli.display.view import Happening, Note
from pollwatch.plan.states import Verdict
from tests.cli.views import NOON, state

LINES = 200
LONG = "x" * 1000
"""Long enough for 200 of them to be more than a pipe holds."""


def ignore(error: OSError) -> None:
    """Do nothing about a reader that left."""
    del error


async def test_a_reader_that_stops_reading_holds_up_nothing_and_gets_every_line_later() -> None:
    reader, writer = os.pipe()
    ended = asyncio.Event()
    with os.fdopen(writer, "w") as out, os.fdopen(reader) as pipe:
        stream = LineStream(out, StringIO(), line=lambda _: LONG, notes=True, lost=ignore)
        writing = asyncio.create_task(stream.run(ended))
        async with asyncio.timeout(60):
            for _ in range(LINES):
                await stream.tell(Note(at=NOON, text="a line"))
            await asyncio.sleep(0.1)  # the loop turns while the thread is stuck
            assert not writing.done()
            got = await asyncio.to_thread(lambda: [pipe.readline() for _ in range(LINES)])
            ended.set()
            await writing
    assert got == [f"{LONG}\n"] * LINES


async def test_a_reader_that_left_ends_the_run() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = asyncio.Event()
    out = os.fdopen(writer, "w")
    stream = LineStream(out, StringIO(), line=plain_line, notes=True, lost=lambda _: ended.set())
    await stream.tell(Note(at=NOON, text="a line"))
    async with asyncio.timeout(60):
        await stream.run(asyncio.Event())
    assert ended.is_set()
    os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())  # what Python still holds back goes nowhere
    out.close()


async def test_problems_go_to_standard_error_and_what_waits_at_the_end_is_written() -> None:
    out, err = StringIO(), StringIO()
    stream = LineStream(out, err, line=plain_line, notes=False, lost=ignore)
    happenings: list[Happening] = [
        Note(at=NOON, text="told"),
        state(Verdict.DOWN, Verdict.UP, up=0),
        Note(at=NOON, text="wrong", problem=True),
    ]
    for happening in happenings:
        stream.note(happening)
    ended = asyncio.Event()
    ended_soon = asyncio.get_running_loop().call_later(0.05, ended.set)
    async with asyncio.timeout(60):
        await stream.run(ended)
    ended_soon.cancel()
    assert out.getvalue().splitlines() == [plain_line(happenings[1])]
    assert err.getvalue().splitlines() == [plain_line(happenings[0]), plain_line(happenings[2])]
