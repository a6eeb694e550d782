"""The live table on a real terminal."""

from pathlib import Path

from tests.cli.places import Place
from tests.cli.terminals import CONTROLS, Terminal

ALTERNATE_SCREEN, ORDINARY_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
CURSOR_OFF, CURSOR_ON = "\x1b[?25l", "\x1b[?25h"


def run(place: Place, checks: Path, columns: int = 120, lines: int = 30) -> Terminal:
    """Run the command on the site, on a terminal."""
    arguments = ("pollwatch", "run", checks, "--hosts", place.hosts, "--listen", "127.0.0.1:0")
    return Terminal(*arguments, columns=columns, lines=lines)


async def test_a_bad_server_is_seen_among_good_ones_and_its_recovery_too(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check())
    bad = place.site.addresses[-1]
    async with run(place, checks) as terminal:
        screen = await terminal.shows("● Up", "front-page")
        assert screen[0].startswith("Pollwatch  ● 1 Up")
        assert "http://127.0.0.1:" in screen[0]
        place.site.break_server(bad)
        await terminal.shows("✗ Down", bad, "500 UnexpectedStatus")
        screen = await terminal.shows("◐ Degraded  front-page", bad)
        assert any("● Up" in line and place.site.addresses[0] in line for line in screen)
        place.site.mend()
        await terminal.shows("● Up", bad, "200 in")
        assert await terminal.end() == 0


async def test_the_terminal_is_given_back_with_its_cursor_and_a_summary(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check(resolve="Any"))
    async with run(place, checks) as terminal:
        await terminal.shows("● Up", "front-page")
        assert await terminal.end() == 0
    received = terminal.received
    assert received.index(ALTERNATE_SCREEN) < received.rindex(ORDINARY_SCREEN)
    assert received.rindex(CURSOR_OFF) < received.rindex(CURSOR_ON)
    summary = CONTROLS.sub("", received[received.rindex(ORDINARY_SCREEN) :])
    assert "of 1 Check in" in summary
    assert "public-sites/front-page" in summary


async def test_the_table_follows_the_size_of_the_terminal(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check())
    async with run(place, checks, columns=120) as terminal:
        await terminal.shows("─" * 120)
        await terminal.shows("NEXT")
        terminal.resize(70, 12)
        await terminal.shows("VERDICT", "LATENCY")
        screen = await terminal.fits(70, 12)
        assert not any("NEXT" in line for line in screen)
        assert await terminal.end() == 0


async def test_a_bad_edit_is_told_below_the_table(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check())
    async with run(place, checks, columns=200) as terminal:
        await terminal.shows("● Up", "front-page")
        (checks / "a.yaml").write_text(place.check(periodSecond="3"))
        screen = await terminal.shows("going on with the 1 Check as before")
        assert "spec.periodSecond: unknown field" in "".join(screen)
        assert await terminal.end() == 0
