"""Any process may die at any moment: nothing is lost, nothing is told twice, no gap is long.

The API server is gone for as short as will do. Ten minutes of it, as they are promised:

    POLLWATCH_OUTAGE_SECONDS=600 pytest tests/control/test_pool_deaths.py -k without_an_api_server
"""

import os
import time
from datetime import UTC, datetime

import httpx
import pytest

from tests.chaos.machine import Machine
from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes.local_node import LocalNode
from tests.cluster.processes.local_pod import LocalPod
from tests.cluster.waiting import wait_until
from tests.control.conftest import Checks, StartOperator
from tests.control.operators import RunningOperator
from tests.control.pool_stage import Pools
from tests.support.counting_site import CountingSite
from tests.support.punctuality import distance, doubled_for, overdue, phase

FAILOVER = 15.0
"""Seconds within which another operator leads when the leader is gone."""

OUTAGE = float(os.environ.get("POLLWATCH_OUTAGE_SECONDS", "20"))
"""Seconds without an API server: long enough for a leader to lose the Lease, at least."""


def test_a_worker_that_is_killed_probes_again_in_the_same_phases_and_no_verdict_changes(
    start_pooled: StartOperator,
    pools: Pools,
    checks: Checks,
    counted: CountingSite,
    node: LocalNode,
    machine: Machine,
) -> None:
    names = [f"check-{number}" for number in range(20)]
    pools.create("east")
    for name in names:
        url = counted.url(f"/{name}")
        checks.create(name, pool="east", periodSeconds=2, timeoutSeconds=1, http={"url": url})
    start_pooled()
    for name in names:
        checks.wait_verdict(name, "Up")
    wait_until(lambda: all(len(counted.times(f"/{name}")) >= 4 for name in names), what="some probes")
    killed = time.monotonic()
    node.kill("probepool-east-0-0")
    wait_until(
        lambda: all(len(counted.times(f"/{name}", since=killed)) >= 4 for name in names),
        what="probes by the new process",
    )
    for path, times in counted.hits().items():
        before = [at for at in times if at < killed]
        after = [at for at in times if at >= killed]
        assert distance(phase(before[1:], 2), phase(after[1:], 2)) < 0.2, path
        assert not overdue(times, 2.25 * 2, begin=before[0], end=after[-1], waited=machine.waited), path
    assert all(checks.verdict(name) == "Up" for name in names)
    assert not any(checks.events(name) for name in names)


def test_what_changed_while_a_worker_was_dead_is_found_when_it_is_back(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite, node: LocalNode
) -> None:
    pools.create("east")
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    start_pooled()
    checks.wait_verdict("front-page", "Up")
    counted.answer(500, "/")
    node.kill("probepool-east-0-0")
    checks.wait_verdict("front-page", "Down")
    node.kill("probepool-east-0-0")
    counted.answer(200, "/")
    checks.wait_verdict("front-page", "Up")
    checks.wait_event("front-page", "Up")
    assert [event["reason"] for event in checks.events("front-page")] == ["Down", "Up"]


def test_an_operator_that_is_killed_amid_transitions_loses_none_and_tells_none_twice(
    start_pooled: StartOperator,
    pools: Pools,
    checks: Checks,
    counted: CountingSite,
    machine: Machine,
) -> None:
    names = [f"check-{number}" for number in range(20)]
    pools.create("east", replicas=2)
    for name in names:
        checks.create(name, pool="east", http={"url": counted.url(f"/{name}")})
    operator = start_pooled()
    for name in names:
        checks.wait_verdict(name, "Up")
    counted.answer(500, *(f"/{name}" for name in names))
    wait_until(lambda: any(checks.verdict(name) == "Down" for name in names), what="the first to be Down")
    operator.kill()
    killed = time.monotonic()
    start_pooled()
    for name in names:
        checks.wait_verdict(name, "Down")
    for name in names:
        checks.wait_event(name, "Down")
    assert all([event["reason"] for event in checks.events(name)] == ["Down"] for name in names)
    for name in names:
        times = counted.times(f"/{name}", since=killed)
        assert not overdue(times, 2.25, begin=killed, end=times[-1], waited=machine.waited), name


def leader_of(operators: list[RunningOperator]) -> RunningOperator | None:
    leaders = [operator for operator in operators if operator.leads()]
    assert len(leaders) <= 1
    return leaders[0] if leaders else None


def test_another_operator_takes_over_when_the_leader_is_killed_and_workers_do_not_notice(
    start_pooled: StartOperator,
    pools: Pools,
    checks: Checks,
    counted: CountingSite,
    machine: Machine,
) -> None:
    pools.create("east")
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    operators = [start_pooled(), start_pooled()]
    checks.wait_verdict("front-page", "Up")
    leader = wait_until(lambda: leader_of(operators), what="a leader")
    assert leader is not None
    holder = pools.holder()
    operators.remove(leader)
    begin = counted.times("/")[-1]
    leader.kill()
    counted.answer(500, "/")
    wait_until(lambda: leader_of(operators), what="another leader", within_seconds=FAILOVER)
    checks.wait_verdict("front-page", "Down")
    assert pools.holder() not in {"", holder}
    counted.answer(200, "/")
    checks.wait_verdict("front-page", "Up")
    checks.wait_event("front-page", "Up")
    assert [event["reason"] for event in checks.events("front-page")] == ["Down", "Up"]
    times = counted.times("/")
    assert not overdue(times, 2.25, begin=begin, end=times[-1], waited=machine.waited)
    assert doubled_for(times, 1) == 0.0


def test_a_leader_that_is_told_to_stop_hands_over_at_once(
    start_pooled: StartOperator,
    pools: Pools,
    checks: Checks,
    counted: CountingSite,
    machine: Machine,
) -> None:
    pools.create("east")
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    first = start_pooled()
    checks.wait_verdict("front-page", "Up")
    second = start_pooled()
    assert first.leads()
    counted.answer(500, "/")
    assert first.stop() == 0
    stopped = time.monotonic()
    wait_until(second.leads, what="the other to lead")
    # Two seconds are promised; a Lease that nobody gave back would take eight.
    assert time.monotonic() - stopped < 4.0 + machine.waited(stopped, time.monotonic())
    checks.wait_verdict("front-page", "Down")
    checks.wait_event("front-page", "Down")
    assert [event["reason"] for event in checks.events("front-page")] == ["Down"]


def test_a_leader_that_stood_still_and_lost_the_lease_writes_nothing_of_what_it_believed(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite
) -> None:
    pools.create("east")
    checks.create("front-page", pool="east", http={"url": counted.url("/old")})
    first, second = start_pooled(), start_pooled()
    checks.wait_verdict("front-page", "Up")
    leader = wait_until(lambda: leader_of([first, second]), what="a leader")
    other = second if leader is first else first
    assert leader is not None
    with leader.stopped():
        wait_until(other.leads, what="the other to lead", within_seconds=FAILOVER)
        checks.change("front-page", http={"url": counted.url("/new")})
        wait_until(lambda: counted.times("/new"), what="the new plan to be live")
    wait_until(lambda: not leader.leads(), what="the old leader to step down")
    assert other.leads()
    since = time.monotonic()
    wait_until(lambda: len(counted.times("/new", since=since)) > 3, what="more probes")
    assert len(counted.times("/old", since=since)) == 0
    assert checks.verdict("front-page") == "Up"


def series_tell(worker: LocalPod, *, success: bool) -> None:
    """Wait until the series of a worker with one target say how its last probe ended."""
    wanted = [float(success)]

    def outcomes() -> list[float]:
        page = httpx.get(f"{worker.url}/metrics", timeout=30.0).raise_for_status().text
        lines = [line for line in page.splitlines() if line.startswith("probe_success{")]
        return [float(line.rpartition(" ")[2]) for line in lines]

    wait_until(lambda: outcomes() == wanted, what=f"the series to say {wanted}")


@pytest.mark.timeout(180 + OUTAGE)
def test_workers_probe_on_without_an_api_server_each_turn_is_kept_and_status_catches_up(
    cluster: ControlPlane,
    start_pooled: StartOperator,
    pools: Pools,
    checks: Checks,
    counted: CountingSite,
    node: LocalNode,
    machine: Machine,
) -> None:
    pools.create("east")
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    operators = [start_pooled(), start_pooled()]
    checks.wait_verdict("front-page", "Up")
    worker = node.pod("probepool-east-0-0")
    begin = counted.times("/")[-1]
    answers = {"Down": 500, "Up": 200}
    turns = ["Down", "Up", "Down", "Up", "Down"]
    with cluster.api_server_outage():
        gone = time.monotonic()
        for number, verdict in enumerate(turns, start=1):
            counted.answer(answers[verdict], "/")
            series_tell(worker, success=verdict == "Up")
            time.sleep(max(0.0, gone + OUTAGE * number / len(turns) - time.monotonic()))
        series_tell(worker, success=False)
        back = datetime.now(UTC).isoformat()
    found = checks.wait_verdict("front-page", "Down")
    # When the site failed, not when that could be written.
    assert found["lastTransitionTime"] < back
    wait_until(
        lambda: [event["reason"] for event in checks.events("front-page")] == turns,
        what="an Event for each turn",
    )
    times = counted.times("/")
    assert not overdue(times, 2.25, begin=begin, end=times[-1], waited=machine.waited)
    wait_until(lambda: leader_of(operators), what="a leader after the outage")


def test_a_network_that_is_cut_is_said_and_what_was_found_meanwhile_is_told_afterwards(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite, node: LocalNode
) -> None:
    pools.create("east")
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    start_pooled()
    checks.wait_verdict("front-page", "Up")
    node.set_cut("probepool-east-0-0", cut=True)
    condition = pools.wait_reason("east", "Delivered", "Unreachable")
    assert "east-0" in condition["message"]
    counted.answer(500, "/")
    since = time.monotonic()
    wait_until(lambda: len(counted.times("/", since=since)) > 3, what="probes behind the cut")
    node.set_cut("probepool-east-0-0", cut=False)
    checks.wait_verdict("front-page", "Down")
    pools.wait_reason("east", "Delivered", "Delivered")
    assert [event["reason"] for event in checks.events("front-page")] == ["Down"]


def test_what_a_worker_on_a_lost_node_probed_is_probed_by_the_others_until_it_is_back(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite, node: LocalNode
) -> None:
    names = [f"check-{number}" for number in range(20)]
    pools.create("east", replicas=2)
    for name in names:
        url = counted.url(f"/{name}")
        checks.create(name, pool="east", periodSeconds=2, timeoutSeconds=1, http={"url": url})
    start_pooled()
    for name in names:
        checks.wait_verdict(name, "Up")
    pools.wait_ready("east")
    node.set_lost("probepool-east-1-0", lost=True)
    condition = pools.wait_reason("east", "Ready", "WorkersNotReady")
    assert "probepool-east-1-0: its node is not heard of" in condition["message"]
    lost = time.monotonic()
    # Half a minute, and at most ten seconds until the pool is looked at again.
    wait_until(
        lambda: all(len(counted.times(f"/{name}", since=lost)) >= 2 for name in names),
        what="the other worker to probe all Checks",
        within_seconds=90,
    )
    node.set_lost("probepool-east-1-0", lost=False)
    back = time.monotonic()
    pools.wait_ready("east")
    wait_until(
        lambda: all(len(counted.times(f"/{name}", since=back)) >= 5 for name in names), what="more probes"
    )
    for name in names:
        assert doubled_for(counted.times(f"/{name}", since=back), 2) <= 2 * 2, name
    assert all(checks.verdict(name) == "Up" for name in names)
