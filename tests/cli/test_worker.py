"""`pollwatch worker`: a process that needs a folder, and nothing of Kubernetes."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pollwatch.plan.checks import CheckPlan, HttpProbe
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.plan.wire import read_line
from tests.cli.commands import ENVIRONMENT, Running, pollwatch
from tests.support.plan_folders import AUTHORIZED, Folder
from tests.support.plans import make_check
from tests.support.sites import Answer, Site, running_site
from tests.support.waiting import DEADLINE, until, until_async

NOBODY = 65534
ANY = ("--listen", "127.0.0.1:0")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / "plan"
    path.mkdir()
    return Folder(path)


def worker(folder: Folder) -> Running:
    return Running("worker", "--plan", folder.path, *ANY)


async def event(running: Running, name: str) -> dict[str, Any]:
    """Wait for a line of the log."""
    line: dict[str, Any] = json.loads(await running.line(f'"event": "{name}"'))
    return line


@asynccontextmanager
async def client_of(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    url = (await event(running, "worker started"))["url"]
    async with httpx.AsyncClient(
        base_url=url, headers=AUTHORIZED, timeout=DEADLINE, trust_env=False
    ) as client:
        yield client


def http_check(site: Site, name: str = "a", *, period: float = 3600.0, path: str = "/") -> CheckPlan:
    url = site.url.removesuffix("/") + path
    return make_check(name, probe=HttpProbe(url=url), period=period, timeout=min(period, 20.0), target=url)


async def test_it_runs_by_hand_probes_its_plan_and_tells_what_it_found(folder: Folder) -> None:
    async with running_site() as site:
        folder.edit(http_check(site), revision=5)
        async with worker(folder) as running, client_of(running) as client:
            assert (await event(running, "plan applied"))["revision"] == 5
            state = await verdict_of("a", client)
            assert state.verdict is Verdict.UP
            assert (await client.get("/readyz")).text == "ok\n"
            assert 'probe_success{namespace="public-sites",check="a"' in (await client.get("/metrics")).text
            assert await running.end(signal.SIGTERM) == 0
    assert (running.out, len(running.err)) == ([], 4)


async def verdict_of(name: str, client: httpx.AsyncClient) -> CheckState:
    """Read the feed until a Check has been judged."""
    async with asyncio.timeout(DEADLINE):
        while True:
            _, *lines = (await client.get("/feed")).content.splitlines()
            for line in map(read_line, lines):
                if isinstance(line, CheckState) and line.key.name == name and line.verdict != "Unknown":
                    return line
            await asyncio.sleep(0.05)


async def test_a_plan_that_is_not_there_yet_is_waited_for_and_said_in_one_line(folder: Folder) -> None:
    async with worker(folder) as running, client_of(running) as client:
        assert (await event(running, "waiting for a plan"))["path"] == f"{folder.path}/plan.json"
        response = await client.get("/readyz")
        assert (response.status_code, response.text) == (
            503,
            f"no plan yet: there is no {folder.path}/plan.json\n",
        )
        folder.swap(make_check("a"), revision=1)
        await event(running, "plan applied")
        assert (await client.get("/readyz")).status_code == 200
        assert await running.end(signal.SIGINT) == 0


def not_there(folder: Folder) -> Path:
    return folder.path / "nowhere"


def a_file(folder: Folder) -> Path:
    path = folder.path / "file"
    path.write_text("x")
    return path


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (not_there, "no such folder (create it, or mount the worker's Secrets there)"),
        (a_file, "not a folder (name the one that plan.json is in)"),
    ],
)
async def test_a_folder_that_can_never_hold_a_plan_is_one_line_and_exit_code_2(
    folder: Folder, make: Callable[[Folder], Path], wrong: str
) -> None:
    path = make(folder)
    done = await pollwatch("worker", "--plan", path, *ANY)
    assert (done.code, done.out, done.err) == (2, "", f"--plan {path}: {wrong}\n")


async def test_a_folder_that_may_not_be_read_is_one_line_and_exit_code_2(folder: Folder) -> None:
    folder.path.chmod(0)
    script = f"""
import os, pollwatch.cli.worker
if os.geteuid() == 0: os.setgroups([]), os.setuid({NOBODY})
pollwatch.cli.worker.command(["--plan", {str(folder.path)!r}])
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stderr=asyncio.subprocess.PIPE, env=ENVIRONMENT
    )
    async with asyncio.timeout(DEADLINE):
        _, err = await process.communicate()
    folder.path.chmod(0o755)
    user = os.geteuid() or NOBODY
    assert process.returncode == 2
    assert err == f"--plan {folder.path}: permission denied (let user {user} read the folder)\n".encode()


async def test_an_address_that_is_taken_is_one_line_and_exit_code_2(folder: Folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        done = await pollwatch("worker", "--plan", folder.path, "--listen", listen)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"--listen {listen}: address already in use (choose another with --listen)\n"


async def test_addresses_of_the_node_that_are_none_are_one_line_and_exit_code_2(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "POLLWATCH_NODE_ADDRESSES", "10.0.0.1, nonsense")
    done = await pollwatch("worker", "--plan", folder.path, *ANY)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith("POLLWATCH_NODE_ADDRESSES: 'nonsense' ")


async def test_the_nodes_addresses_are_not_probed(folder: Folder) -> None:
    async with running_site() as site:
        folder.edit(http_check(site))
        nodes = {"POLLWATCH_NODE_ADDRESSES": "127.0.0.1,fd00::1"}
        async with (
            Running("worker", "--plan", folder.path, *ANY, env=nodes) as running,
            client_of(running) as client,
        ):

            async def denied() -> bool:
                return 'reason="EgressDenied"} 1' in (await client.get("/metrics")).text

            await until_async(denied, "a probe")
        assert site.requests == []


async def test_it_drains_when_it_is_told_to_stop(folder: Folder) -> None:
    async with running_site() as site:
        site.answer = Answer(delay=1.0)
        folder.edit(http_check(site))
        async with worker(folder) as running:
            await until(lambda: site.requests, "the probe to begin")
            assert await running.end(signal.SIGTERM) == 0
            assert (await event(running, "worker is stopping"))["in_flight"] == 1
    assert site.requests


async def test_a_target_that_hangs_does_not_keep_it_from_stopping(folder: Folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"http://127.0.0.1:{port}/"
        folder.edit(make_check("a", probe=HttpProbe(url=url), period=3600.0, timeout=3600.0, target=url))
        async with worker(folder) as running:
            connection, _ = await asyncio.to_thread(silent.accept)
            with connection:
                assert await running.end(signal.SIGTERM) == 0


async def test_a_folder_that_vanishes_leaves_it_probing(folder: Folder) -> None:
    async with running_site() as site:
        folder.edit(http_check(site, period=0.5), revision=1)
        async with worker(folder) as running, client_of(running) as client:
            await event(running, "plan applied")
            folder.path.rename(folder.path.with_name("elsewhere"))
            before = len(site.requests)
            await until(lambda: len(site.requests) > before + 3, "more probes")
            assert (await client.get("/readyz")).status_code == 200


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only on Linux")
async def test_a_full_disk_under_its_log_leaves_it_probing(folder: Folder) -> None:
    async with running_site() as site:
        folder.edit(http_check(site, period=0.5), revision=1)
        full = os.open("/dev/full", os.O_WRONLY)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pollwatch", "worker", "--plan", str(folder.path), *ANY),
            stderr=full,
            env=ENVIRONMENT,
        )
        os.close(full)
        await until(lambda: len(site.requests) > 3, "probes")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), DEADLINE) == 0


async def test_its_first_plan_is_taken_in_by_a_process_that_knows_nothing_of_kubernetes() -> None:
    script = """
import json, sys
from pollwatch.cli.worker import command
print(json.dumps(sorted(sys.modules)))
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, env=ENVIRONMENT
    )
    out, _ = await process.communicate()
    unwanted = ("pydantic", "kopf", "kubernetes", "rich", "structlog", "httpx", "yaml", "cryptography.fernet")
    ours = ("pollwatch.api", "pollwatch.compile", "pollwatch.control")
    loaded = [name for name in json.loads(out) if name.startswith((*unwanted, *ours))]
    assert loaded == []
