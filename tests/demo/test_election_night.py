"""`make run`, told faster."""

import re
import socket

import httpx
import pytest

from demo.world import Ports, local_addresses
from tests.cli.commands import Running
from tests.cli.terminals import CONTROLS, Terminal

DEMO = "demo.election_night"
FREE_PORT = ("--listen", "127.0.0.1:0")


async def test_the_story_goes_from_up_through_degraded_and_down_to_up_and_ends_with_a_summary() -> None:
    async with Running("--speed", "5", *FREE_PORT, module=DEMO) as demo:
        assert await demo.end(None) == 0
    assert demo.err == []
    verdicts = [
        match[1]
        for line in demo.out
        if (match := re.search(r"-> (\w+) public-sites/immigration-front-page", line))
    ]
    assert verdicts[0] == verdicts[-1] == "Up"
    assert verdicts.index("Degraded") < verdicts.index("Down")
    assert any("One server answers '500 - Internal server error'" in line for line in demo.out)
    assert any("127.0.0." in line and "UnexpectedStatus" in line for line in demo.out)
    (summary,) = [line for line in demo.out if line.startswith("public-sites/immigration-front-page")]
    assert re.search(r"Up \d+ s, Degraded \d+ s.*Down \d+ s.*Up \d+ s", summary)


async def test_the_metrics_of_the_story_can_be_scraped_while_it_is_told() -> None:
    async with Running("--speed", "4", *FREE_PORT, module=DEMO) as demo:
        url = (await demo.line("metrics at http://")).rsplit(" ", 1)[1]
        await demo.line("-> Degraded public-sites/immigration-front-page")
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(url)).text
        bad = local_addresses().immigration[-1]
        assert re.search(rf'^probe_success\{{.*address="{bad}".*\}} 0', text, re.MULTILINE)
        assert await demo.end() == 0


async def test_it_goes_on_forever_when_told_so_until_ctrl_c() -> None:
    async with Running("--speed", "60", "--forever", *FREE_PORT, module=DEMO) as demo:
        await demo.line("Once more, from the start.")
        assert await demo.end() == 0
    assert any("of 4 Checks in" in line for line in demo.out)


async def test_on_a_terminal_the_narration_stands_below_the_table() -> None:
    async with Terminal(DEMO, "--speed", "4", *FREE_PORT, columns=120, lines=30) as terminal:
        await terminal.shows("◐ Degraded", "immigration-front-page")
        await terminal.shows("▸ 22:10", "One server answers '500 - Internal server error'. Some see it.")
        assert await terminal.end() == 0
    assert "of 4 Checks in" in CONTROLS.sub("", terminal.received)


@pytest.mark.parametrize("what", ["world", "metrics"])
async def test_a_taken_port_is_told_in_one_line(what: str) -> None:
    host, port = (local_addresses().cape_breton[0], Ports().ferry) if what == "world" else ("127.0.0.1", 0)
    with socket.create_server((host, port)) as taken:
        listen = f"{host}:{taken.getsockname()[1]}" if what == "metrics" else "127.0.0.1:0"
        async with Running("--listen", listen, module=DEMO) as demo:
            assert await demo.end(None) == 2
    assert demo.out == []
    (line,) = demo.err
    assert "address already in use" in line
