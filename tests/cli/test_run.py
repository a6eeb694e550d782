"""`pollwatch run`: probes until it is told to end, and follows its files."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from pollwatch.cli.embedded import DEFAULT_LISTEN
from tests.cli.commands import ENVIRONMENT, Running, pollwatch
from tests.cli.places import Place
from tests.support.waiting import until

TRANSITION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (Unknown|Up|Degraded|Down) -> \w+ \S+/\S+")


POOL = "apiVersion: pollwatch.dev/v1alpha1\nkind: ProbePool\nmetadata: {name: east}\nspec: {}\n"


def run(place: Place, *paths: Path, options: tuple[str, ...] = ()) -> Running:
    """Run the command on the site, with metrics on a free port."""
    return Running("run", *paths, "--hosts", place.hosts, "--listen", "127.0.0.1:0", *options)


async def test_each_transition_is_a_line_with_time_verdicts_address_and_cause(
    place: Place, checks: Path
) -> None:
    (checks / "a.yaml").write_text(place.check())
    bad, count = place.site.addresses[-1], len(place.site.addresses)
    async with run(place, checks) as running:
        assert TRANSITION.match(await running.line("Unknown -> Up public-sites/front-page"))
        place.site.break_server(bad)
        line = await running.line("Up -> Degraded")
        assert TRANSITION.match(line)
        assert f"public-sites/front-page ({count - 1} of {count} up) {bad} UnexpectedStatus: " in line
        place.site.mend()
        assert f"({count} of {count} up)" in await running.line("Degraded -> Up")
        assert await running.end() == 0


async def test_pools_are_of_no_use_without_a_cluster_and_what_names_them_is_probed_all_the_same(
    place: Place, checks: Path
) -> None:
    (checks / "pool.yaml").write_text(POOL)
    (checks / "a.yaml").write_text(place.check(resolve="Any", pools="[east, west]"))
    async with run(place, checks) as running:
        await running.line("without a cluster there are no pools: every Check is probed from here")
        await running.line("Unknown -> Up public-sites/front-page")
        assert await running.end() == 0


async def test_a_pool_alone_is_nothing_to_probe(checks: Path) -> None:
    (checks / "pool.yaml").write_text(POOL)
    done = await pollwatch("run", checks)

    assert (done.code, done.out) == (2, "")
    assert done.err == f"no Check found in {checks}: ProbePools alone probe nothing\n"


async def test_the_metrics_address_is_printed_and_serves_the_series_of_each_address(
    place: Place, checks: Path
) -> None:
    (checks / "a.yaml").write_text(place.check())
    async with run(place, checks) as running:
        url = (await running.line("probing 1 Check, metrics at http://")).rsplit(" ", 1)[1]
        await running.line("Unknown -> Up")
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(url)).text
        (series,) = [
            line
            for line in text.splitlines()
            if line.startswith("probe_success") and f'address="{place.site.addresses[0]}"' in line
        ]
        assert 'check="front-page"' in series
        assert await running.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_with_a_summary_and_exit_code_0(
    place: Place, checks: Path, number: signal.Signals
) -> None:
    (checks / "a.yaml").write_text(place.check(resolve="Any"))
    async with run(place, checks) as running:
        await running.line("Unknown -> Up")
        assert await running.end(number) == 0
    assert "of 1 Check in" in running.out[-3]
    assert re.fullmatch(r"public-sites/front-page +\d+ +0 +0 % +Up \d+ s", running.out[-1])
    assert running.err == []


async def test_it_ends_by_itself_after_the_time_it_was_given(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check(resolve="Any"))
    async with run(place, checks, options=("--for", "0.5")) as running:
        assert await running.end(None) == 0


async def test_a_slow_server_does_not_hold_up_the_end(checks: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (checks / "a.yaml").write_text(
            "apiVersion: pollwatch.dev/v1alpha1\nkind: Check\nmetadata: {name: a}\n"
            "spec: {periodSeconds: 300, timeoutSeconds: 300, "
            f"http: {{url: 'http://127.0.0.1:{silent.getsockname()[1]}/'}}}}\n"
        )
        async with Running("run", checks, "--listen", "127.0.0.1:0") as running:
            await running.line("probing 1 Check")
            connection, _ = await asyncio.to_thread(silent.accept)
            with connection:
                assert await running.end() == 0


async def test_a_taken_port_that_was_asked_for_is_one_line_and_exit_code_2(
    place: Place, checks: Path
) -> None:
    (checks / "a.yaml").write_text(place.check())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = await pollwatch("run", checks, "--listen", listen)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"--listen {listen}: address already in use (choose another with --listen)\n"


def take(stack: contextlib.ExitStack, host: str, port: int) -> bool:
    """Take a port; return whether that worked."""
    with contextlib.suppress(OSError):
        stack.enter_context(socket.create_server((host, port)))
        return True
    return False


async def test_a_taken_default_port_is_no_error_but_is_told(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check())
    host, _, port = DEFAULT_LISTEN.rpartition(":")
    with contextlib.ExitStack() as stack:
        # Another test may have it for a moment, and give it back before we look.
        with contextlib.suppress(AssertionError):
            await until(lambda: take(stack, host, int(port)), "the port, or that somebody keeps it")
        async with Running("run", checks, "--hosts", place.hosts) as running:
            assert DEFAULT_LISTEN not in await running.line("metrics at http://127.0.0.1:")
            await running.line(f"{DEFAULT_LISTEN} is taken")
            assert await running.end() == 0


async def test_json_output_is_one_document_a_transition_and_nothing_else(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check(resolve="Any"))
    async with run(place, checks, options=("-o", "json")) as running:
        document = json.loads(await running.line('"verdict"'))
        place.site.break_server(place.site.addresses[0])
        await running.line('"Down"')
        assert await running.end() == 0
    assert document.keys() == {
        *("time", "namespace", "check", "verdict", "previous", "since", "targets", "reason"),
        *("address", "evidence"),
    }
    assert [json.loads(line)["verdict"] for line in running.out] == ["Up", "Down"]


async def test_when_nobody_reads_any_more_it_ends_quietly(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check(resolve="Any"))
    reader, writer = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pollwatch", "run", str(checks), "--listen", "127.0.0.1:0"),
        *("--hosts", str(place.hosts)),
        stdout=writer,
        stderr=asyncio.subprocess.PIPE,
        env=ENVIRONMENT,
    )
    os.close(writer)
    await asyncio.to_thread(os.read, reader, 1)
    os.close(reader)
    place.site.break_server(place.site.addresses[0])
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only on Linux")
@pytest.mark.parametrize("options", [(), ("--once",), ("--once", "-o", "json")], ids=" ".join)
async def test_a_full_disk_is_one_line_and_exit_code_2(
    place: Place, checks: Path, options: tuple[str, ...]
) -> None:
    (checks / "a.yaml").write_text(place.check(resolve="Any"))
    full = os.open("/dev/full", os.O_WRONLY)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pollwatch", "run", str(checks), "--hosts", str(place.hosts), *options),
        stdout=full,
        stderr=asyncio.subprocess.PIPE,
        env=ENVIRONMENT,
    )
    os.close(full)
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert (process.returncode, err) == (2, b"the output cannot be written: no space left on device\n")


async def test_a_good_edit_takes_effect(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check("one", resolve="Any"))
    async with run(place, checks) as running:
        await running.line("Unknown -> Up public-sites/one")
        (checks / "a.yaml").write_text(
            place.check("one", resolve="Any", labels="{a: b}") + "---\n" + place.check("two", resolve="Any")
        )
        await running.line("reloaded: 1 Check added, 1 Check changed")
        await running.line("Unknown -> Up public-sites/two")
        assert await running.end() == 0


async def test_files_that_come_and_go_bring_and_take_their_checks(place: Place, checks: Path) -> None:
    (checks / "a.yaml").write_text(place.check("one", resolve="Any"))
    async with run(place, checks) as running:
        await running.line("Unknown -> Up public-sites/one")
        (checks / "deeper").mkdir()
        (checks / "deeper" / "b.yaml").write_text(place.check("two", resolve="Any"))
        await running.line("reloaded: 1 Check added")
        (checks / "a.yaml").unlink()
        await running.line("reloaded: 1 Check removed")
        assert await running.end() == 0


async def test_a_named_file_is_followed_when_an_editor_replaces_it_and_when_it_is_deleted(
    place: Place, checks: Path
) -> None:
    file = checks / "a.yaml"
    file.write_text(place.check("one", resolve="Any"))
    async with run(place, file) as running:
        await running.line("Unknown -> Up public-sites/one")
        (checks / "new").write_text(place.check("two", resolve="Any"))
        (checks / "new").rename(file)
        await running.line("reloaded: 1 Check added, 1 Check removed")
        await running.line("Unknown -> Up public-sites/two")
        file.unlink()
        await running.until(lambda line: line.endswith("reloaded: 1 Check removed"), "the removal")
        assert await running.end() == 0


async def test_a_bad_edit_is_told_line_by_line_and_the_last_good_state_goes_on(
    place: Place, checks: Path
) -> None:
    (checks / "a.yaml").write_text(place.check("one", resolve="Any"))
    async with run(place, checks) as running:
        await running.line("Unknown -> Up public-sites/one")
        (checks / "a.yaml").write_text(place.check("one", periodSecond="3", timeoutSecond="3"))
        await running.line(f"{checks}/a.yaml:", "spec.periodSecond: unknown field")
        await running.line(f"{checks}/a.yaml:", "spec.timeoutSecond: unknown field")
        await running.line("going on with the 1 Check as before")
        place.site.break_server(place.site.addresses[0])
        await running.line("Up -> Down public-sites/one")
        (checks / "a.yaml").write_text(place.check("one", resolve="Any"))
        await running.line("the files are as they were before")
        assert await running.end() == 0
    assert "unknown field" not in "".join(running.out)


async def test_a_changed_secret_file_is_picked_up(place: Place, checks: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secrets" / "s" / "token"
    secret.parent.mkdir(parents=True)
    secret.write_text("first")
    (checks / "a.yaml").write_text(
        place.check(resolve="Any") + "    headers:\n    - name: Authorization\n"
        "      valueFrom: {secretKeyRef: {name: s, key: token}}\n"
    )
    async with run(place, checks, options=("--secrets-dir", str(tmp_path / "secrets"))) as running:
        await running.line("Unknown -> Up")
        secret.write_text("second")
        await running.line("reloaded: 1 Check changed")
        assert await running.end() == 0
