"""One leader at a time, whoever dies, hangs, or sets a clock; against a real API server."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import Configuration

from pollwatch.control.credentials import Credentials, load_credentials
from pollwatch.control.election import HELD_SECONDS, LEASE_SECONDS, RENEW_SECONDS, Election
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.side_loop import run_in, side_loop
from pollwatch.plan.clock import SystemClock
from tests.cluster.controlplane import ControlPlane
from tests.cluster.process import Program
from tests.cluster.waiting import wait_until
from tests.control.api_server import sample
from tests.control.candidate import OBJECT
from tests.control.lines import line_to
from tests.support.sites import Answer, running_site
from tests.support.waiting import until

LEASES = "/apis/coordination.k8s.io/v1"
PATIENCE = 60.0
"""Seconds that anything may take here; machines are noisy."""


def lease(control_plane: ControlPlane, namespace: str) -> dict[str, Any]:
    """The spec of the Lease."""
    found = control_plane.admin.get(f"{LEASES}/namespaces/{namespace}/leases/pollwatch")
    return dict(found["spec"])


class Candidate:
    """An operator that stands for election, and remembers when it led."""

    def __init__(self, credentials: Credentials, namespace: str, name: str) -> None:
        self.metrics = ControlMetrics()
        self.held = 0.0
        self.election = Election(
            credentials=credentials,
            namespace=namespace,
            identity=name,
            metrics=self.metrics,
            clock=SystemClock(),
            held_for=lambda: self.held,
        )
        self.began: list[float] = []
        self.ended: list[float] = []
        self.fails = asyncio.Event()
        self.task = asyncio.create_task(self.election.run(self._lead))

    async def _lead(self) -> None:
        self.began.append(time.monotonic())
        try:
            await self.fails.wait()
            raise RuntimeError("a defect")
        finally:
            self.ended.append(time.monotonic())

    @property
    def leads(self) -> bool:
        return len(self.began) > len(self.ended)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    def crash(self) -> None:
        """Vanish as a killed process does: the Lease stays as it is."""
        self.election._lock.release = _nothing  # type: ignore[method-assign] # nobody lives to do it
        self.task.cancel()


async def _nothing() -> None:
    """Do nothing."""


@asynccontextmanager
async def candidates(kubeconfig: Path, namespace: str, *names: str) -> AsyncIterator[tuple[Candidate, ...]]:
    """Candidates that stand in this order: the first leads."""
    running: list[Candidate] = []
    try:
        for name in names:
            credentials = await load_credentials(str(kubeconfig), clock=SystemClock())
            running.append(Candidate(credentials, namespace, name))
            await until(lambda: running[0].leads, f"{names[0]} to lead")
        yield tuple(running)
    finally:
        for candidate in running:
            await candidate.stop()


@pytest.fixture
def kubeconfig(control_plane: ControlPlane) -> Path:
    return control_plane.kubeconfig()


async def test_one_leads_and_the_others_take_over_within_two_seconds_of_a_clean_stop(
    control_plane: ControlPlane, kubeconfig: Path, namespace: str
) -> None:
    async with candidates(kubeconfig, namespace, "one", "two", "three") as (one, *others):
        await asyncio.sleep(2.0)
        assert [candidate.leads for candidate in (one, *others)] == [True, False, False]
        assert one.election.leading
        assert sample(one.metrics, "pollwatch_operator_leader") == 1
        assert lease(control_plane, namespace)["holderIdentity"] == one.election.identity

        await one.stop()
        await until(lambda: any(other.leads for other in others), "another to lead")
        (winner,) = (other for other in others if other.leads)
        handover = winner.began[0] - one.ended[0]
        print(f"clean handover: {handover:.2f} s")  # noqa: T201 - a figure to be read
        # Two looks at the Lease, and room for a noisy machine; running out takes much longer.
        assert handover < LEASE_SECONDS / 2
        assert sample(one.metrics, "pollwatch_operator_leader") == 0
        assert sample(winner.metrics, "pollwatch_operator_leader_terms_total") == 1
        held = lease(control_plane, namespace)
        assert held["holderIdentity"] == winner.election.identity
        assert held["leaseTransitions"] == 1


async def test_the_lease_of_a_leader_that_vanished_runs_out_and_another_leads_within_15_seconds(
    control_plane: ControlPlane, kubeconfig: Path, namespace: str
) -> None:
    async with candidates(kubeconfig, namespace, "one", "two") as (one, two):
        one.crash()
        vanished = time.monotonic()
        await until(lambda: two.leads, "the other to lead")
        failover = two.began[0] - vanished
        print(f"failover: {failover:.2f} s")  # noqa: T201 - a figure to be read
        assert LEASE_SECONDS - 2.0 < failover < 15.0
        assert lease(control_plane, namespace)["leaseTransitions"] == 1


async def test_the_times_in_the_lease_are_utc_wherever_the_operator_runs(
    control_plane: ControlPlane, kubeconfig: Path, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        async with candidates(kubeconfig, namespace, "one"):
            held = lease(control_plane, namespace)
            for name in ("acquireTime", "renewTime"):
                written = datetime.fromisoformat(held[name])
                assert abs((datetime.now(UTC) - written).total_seconds()) < PATIENCE
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_a_leader_that_is_busy_for_longer_than_its_lease_keeps_it_where_the_election_runs_aside(
    kubeconfig: Path, namespace: str
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()
    here = asyncio.get_running_loop()
    election = Election(
        credentials=await load_credentials(str(kubeconfig), clock=SystemClock()),
        namespace=namespace,
        identity="one",
        metrics=ControlMetrics(),
        clock=SystemClock(),
    )

    async def lead() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with side_loop("election") as aside:
        running = asyncio.create_task(run_in(aside, lambda: election.run(lambda: run_in(here, lead))))
        await began.wait()
        time.sleep(LEASE_SECONDS + 1.0)  # noqa: ASYNC251 - it is held, which is the point
        assert election.leading
        await asyncio.sleep(1.0)
        assert not ended.is_set()
        running.cancel()
        await asyncio.wait([running])
        assert ended.is_set()
        assert not election.leading


async def test_a_leader_that_gets_nothing_done_leaves_the_lease_to_another(
    kubeconfig: Path, namespace: str
) -> None:
    async with candidates(kubeconfig, namespace, "one", "two") as (one, two):
        one.held = HELD_SECONDS + 1.0
        await until(lambda: two.leads, "the other to lead")
        assert one.ended[0] < two.began[0]


def through_the_line(kubeconfig: Path, folder: Path, port: int, line_port: int) -> Path:
    """A kubeconfig whose requests take the line."""
    changed = folder / "through-the-line.yaml"
    changed.write_text(kubeconfig.read_text().replace(f":{port}", f":{line_port}"))
    return changed


async def test_a_leader_whose_requests_hang_stops_in_time_and_leads_again_when_they_do_not(
    control_plane: ControlPlane, kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    port = int(control_plane.url.rpartition(":")[2])
    async with line_to("127.0.0.1", port) as line:
        through = through_the_line(kubeconfig, tmp_path, port, line.port)
        async with candidates(through, namespace, "one") as (one,):
            line.cut()
            cut = time.monotonic()
            await until(lambda: not one.leads, "it to stop")
            took = one.ended[0] - cut
            print(f"stopped leading {took:.2f} s after its requests began to hang")  # noqa: T201 - a figure
            assert took < LEASE_SECONDS
            assert not one.election.leading
            line.mend()
            await until(lambda: one.leads, "it to lead again")
            assert sample(one.metrics, "pollwatch_operator_leader_terms_total") == 2


async def test_there_are_never_two_leaders_while_the_line_of_the_first_is_cut(
    control_plane: ControlPlane, kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    port = int(control_plane.url.rpartition(":")[2])
    async with line_to("127.0.0.1", port) as line:
        through = through_the_line(kubeconfig, tmp_path, port, line.port)
        async with (
            candidates(through, namespace, "one") as (one,),
            candidates_after(kubeconfig, namespace, "two") as two,
        ):
            line.cut()
            await until(lambda: two.leads, "the other to lead")
            assert one.ended[0] < two.began[0]
            line.mend()
            await asyncio.sleep(2.0)
            assert two.leads
            assert not one.leads


@asynccontextmanager
async def candidates_after(kubeconfig: Path, namespace: str, name: str) -> AsyncIterator[Candidate]:
    """A candidate that follows, and knows the Lease."""
    candidate = Candidate(await load_credentials(str(kubeconfig), clock=SystemClock()), namespace, name)
    try:
        await until(lambda: candidate.election._elector.holder, "it to see the Lease")
        yield candidate
    finally:
        await candidate.stop()


@pytest.mark.parametrize("step", [3600.0, -3600.0], ids=["forward", "backward"])
async def test_a_wall_clock_that_is_set_makes_no_second_leader(
    kubeconfig: Path,
    namespace: str,
    step: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with candidates(kubeconfig, namespace, "one", "two") as (one, two):
        await asyncio.sleep(2.0)
        true_time = time.time
        monkeypatch.setattr("time.time", lambda: true_time() + step)
        await asyncio.sleep(RENEW_SECONDS + 2.0)
        assert (len(one.began), len(one.ended), len(two.began)) == (1, 0, 0)
        one.crash()
        vanished = time.monotonic()
        await until(lambda: two.leads, "the other to lead")
        assert LEASE_SECONDS - 2.0 < two.began[0] - vanished < 15.0
        monkeypatch.undo()


async def test_a_defect_of_what_the_leader_does_is_raised_and_the_lease_given_back(
    control_plane: ControlPlane, kubeconfig: Path, namespace: str
) -> None:
    async with candidates(kubeconfig, namespace, "one") as (one,):
        one.fails.set()
        await until(one.task.done, "the election to end")
        with pytest.raises(RuntimeError, match="a defect"):
            one.task.result()
        assert lease(control_plane, namespace).get("holderIdentity", "") == ""


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=502, body=b"<html>Bad Gateway</html>"),
        Answer(status=200, body=b"<html>Welcome to nginx!</html>"),
        Answer(
            status=200,
            body=b'{"spec": {"holderIdentity": 7}}',
            headers=(("Content-Type", "application/json"),),
        ),
        Answer(status=401, body=b"{}", headers=(("Content-Type", "application/json"),)),
    ],
    ids=["bad gateway", "another server", "no lease", "unknown token"],
)
async def test_whatever_answers_instead_of_the_api_server_nobody_leads_and_the_election_goes_on(
    answer: Answer,
) -> None:
    async with running_site() as site:
        site.answer = answer
        configuration = Configuration(host=site.url.rstrip("/"))
        candidate = Candidate(Credentials(configuration, "the test", clock=SystemClock()), "x", "one")
        await until(lambda: len(site.requests) > 2, "a third look at the Lease")
        assert not candidate.task.done()
        assert not candidate.leads
        await candidate.stop()


class Process:
    """A candidate in a process of its own."""

    def __init__(self, kubeconfig: Path, namespace: str, name: str, folder: Path) -> None:
        self.program = Program(
            name,
            [sys.executable, "-m", "tests.control.candidate", str(kubeconfig), namespace, name],
            log=folder / f"{name}.log",
        )

    def said(self, event: str) -> list[dict[str, Any]]:
        lines = self.program.log.read_text(encoding="utf-8").splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [entry for entry in entries if entry["event"] == event]

    def wait_said(self, event: str, times: int = 1) -> dict[str, Any]:
        wait_until(
            lambda: len(self.said(event)) >= times,
            what=f"{self.program.log.name} to say {event!r}",
            within_seconds=PATIENCE,
        )
        return self.said(event)[times - 1]


def test_a_leader_that_stood_still_while_another_took_over_cannot_write(
    control_plane: ControlPlane, kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    admin = control_plane.admin
    admin.post(
        f"/apis/pollwatch.dev/v1alpha1/namespaces/{namespace}/checks",
        {
            "apiVersion": "pollwatch.dev/v1alpha1",
            "kind": "Check",
            "metadata": {"name": OBJECT},
            "spec": {"http": {"url": "http://www.example.org/"}},
        },
    )
    admin.post(f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": OBJECT}})
    processes = [Process(kubeconfig, namespace, "first", tmp_path)]
    try:
        (first,) = processes
        first.wait_said("written", times=3)
        second = Process(kubeconfig, namespace, "second", tmp_path)
        processes.append(second)
        second.wait_said("started")
        os.kill(first.program.pid, signal.SIGSTOP)
        stopped = time.time()
        second.wait_said("written", times=3)
        failover = second.said("leading")[0]["at"] - stopped
        print(f"failover of processes: {failover:.2f} s")  # noqa: T201 - a figure to be read
        assert failover < 15.0
        before = len(first.said("written"))
        os.kill(first.program.pid, signal.SIGCONT)
        first.wait_said("not leading")
        first.wait_said("written", times=before + 3)
        # One write may have been answered before it stood still.
        stale = first.said("written")[before + 1 :]
        assert {tuple(entry["codes"]) for entry in stale} == {(409, 409)}
        assert not any(entry["leading"] for entry in first.said("written")[before:])
        assert len(first.said("leading")) == 1
    finally:
        for process in processes:
            process.program.stop()


def test_a_leader_that_is_killed_is_followed_within_15_seconds(
    kubeconfig: Path, namespace: str, tmp_path: Path
) -> None:
    processes = [Process(kubeconfig, namespace, name, tmp_path) for name in ("one", "two", "three")]
    try:
        wait_until(
            lambda: any(one.said("leading") for one in processes), what="a leader", within_seconds=PATIENCE
        )
        (leader,) = (one for one in processes if one.said("leading"))
        followers = [one for one in processes if one is not leader]
        for follower in followers:
            follower.wait_said("started")
        leader.program.kill()
        killed = time.time()
        wait_until(
            lambda: any(one.said("leading") for one in followers),
            what="a follower to lead",
            within_seconds=PATIENCE,
        )
        (entry,) = (one.said("leading")[0] for one in followers if one.said("leading"))
        print(f"failover after kill -9: {entry['at'] - killed:.2f} s")  # noqa: T201 - a figure to be read
        assert entry["at"] - killed < 15.0
    finally:
        for process in processes:
            process.program.stop()
