"""From a ProbePool and a Check to a verdict: operator and workers as processes, a real API server."""

import time

from tests.chaos.machine import Machine
from tests.cluster.processes.local_node import LocalNode
from tests.cluster.waiting import wait_until
from tests.control.conftest import EXAMPLE_HOST, Checks, StartOperator
from tests.control.pool_stage import LOOPBACK, Pools
from tests.support.counting_site import HOSTS, CountingSite
from tests.support.punctuality import distance, doubled_for, overdue, phase

PERIOD = 2


def test_checks_of_a_pool_are_probed_by_its_workers_and_both_say_so(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite, node: LocalNode
) -> None:
    pools.create("east", replicas=2)
    for number in range(8):
        checks.create(f"check-{number}", pool="east", http={"url": counted.url(f"/{number}")})
    operator = start_pooled()
    for number in range(8):
        checks.wait_verdict(f"check-{number}", "Up")
    assert checks.condition("check-0", "Ready")["reason"] == "Probing"
    pools.wait_ready("east")
    status = pools.status("east")
    assert (status["replicas"], status["readyReplicas"], status["checks"]) == (2, 2, 8)
    assert {worker["name"] for worker in status["workers"]} == {"east-0", "east-1"}
    assert sum(worker["checks"] for worker in status["workers"]) == 8
    assert set(node.pods()) == {"probepool-east-0-0", "probepool-east-1-0"}
    planned = operator.series("pollwatch_operator_plan_checks", 'pool="east"')
    assert (len(planned), sum(planned.values())) == (2, 8)
    for family in ("plan_size_bytes", "plan_timestamp_seconds"):
        assert all(operator.series(f"pollwatch_operator_{family}", 'pool="east"').values())
    assert len(operator.series("pollwatch_operator_feed_lag_seconds", 'pool="east"')) == 2


def test_a_check_that_names_no_pool_is_probed_in_the_one_that_the_operator_was_given(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite
) -> None:
    pools.create("east")
    checks.create("front-page", http={"url": counted.url("/")})
    start_pooled("--default-pool=east")
    checks.wait_verdict("front-page", "Up")
    wait_until(lambda: pools.status("east").get("checks") == 1, what="the pool to count the Check")


def test_a_worker_holds_no_credentials_and_its_pod_is_as_restricted_as_can_be(
    start_pooled: StartOperator, pools: Pools, node: LocalNode
) -> None:
    pools.create("east")
    start_pooled()
    pools.wait_ready("east")
    pod = node.pod("probepool-east-0-0")
    assert pod.pod["spec"]["automountServiceAccountToken"] is False
    mounted = {path.name for folder in pod.volumes() for path in folder.iterdir()}
    assert {name for name in mounted if not name.startswith("..")} == {"plan.json", "part-000", "keys.json"}
    (container,) = pod.pod["spec"]["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_one_server_of_three_that_fails_is_degraded_and_then_up_again(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite
) -> None:
    pools.create("east")
    checks.create(
        "front-page",
        pool="east",
        http={"url": f"http://{EXAMPLE_HOST}:{counted.port}/", "resolve": "EachAddress"},
    )
    start_pooled()
    up = checks.wait_verdict("front-page", "Up")
    assert up["targets"] == {"total": 3, "up": 3, "summary": "3/3"}
    counted.answer(500, "/", host=HOSTS[2])
    degraded = checks.wait_verdict("front-page", "Degraded")
    assert degraded["reason"] == "UnexpectedStatus"
    assert degraded["address"] == HOSTS[2]
    assert degraded["targets"]["summary"] == "2/3"
    counted.answer(200, "/", host=HOSTS[2])
    assert checks.wait_verdict("front-page", "Up")["targets"]["summary"] == "3/3"
    checks.wait_event("front-page", "Up")
    assert [event["reason"] for event in checks.events("front-page")] == ["Degraded", "Up"]


def test_a_changed_check_is_live_in_its_worker_though_its_volume_is_never_synced(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite, node: LocalNode
) -> None:
    pools.create("east", replicas=2)
    checks.create("front-page", pool="east", http={"url": counted.url("/old")})
    start_pooled()
    checks.wait_verdict("front-page", "Up")
    pools.wait_ready("east")
    node.sync_volumes_after(None)
    checks.change("front-page", http={"url": counted.url("/new")})
    wait_until(lambda: counted.times("/new"), what="the new URL to be probed")
    checks.delete("front-page")
    checks.create("another", pool="east", http={"url": counted.url("/another")})
    checks.wait_verdict("another", "Up")
    probes = len(counted.times("/new"))
    wait_until(lambda: len(counted.times("/another")) > 3, what="more probes")
    assert len(counted.times("/new")) <= probes + 1


def test_a_pool_that_grows_and_shrinks_leaves_no_gap_and_doubles_nothing(
    start_pooled: StartOperator,
    pools: Pools,
    checks: Checks,
    counted: CountingSite,
    machine: Machine,
) -> None:
    names = [f"check-{number}" for number in range(30)]
    pools.create("east", replicas=2)
    for name in names:
        url = counted.url(f"/{name}")
        checks.create(name, pool="east", periodSeconds=PERIOD, timeoutSeconds=1, http={"url": url})
    start_pooled()
    for name in names:
        checks.wait_verdict(name, "Up")
    begin = min(counted.times(f"/{name}")[-1] for name in names)
    for replicas in (3, 2):
        pools.change("east", replicas=replicas)
        pools.wait_workers("east", replicas)
        pools.wait_ready("east")
        assert len([name for name in pools.made("east") if name.startswith("statefulsets/")]) == replicas
        wait_until(
            lambda: all(len(times) >= 4 for times in recent(counted, names)), what="probes after the change"
        )
    end = min(counted.times(f"/{name}")[-1] for name in names)
    for path, times in counted.hits().items():
        assert not overdue(times, 2.25 * PERIOD, begin=begin, end=end, waited=machine.waited), path
        assert doubled_for(times, PERIOD) <= PERIOD * 1.25 + machine.waited(begin, end), path
        first, last = times[2:5], times[-3:]
        assert distance(phase(first, PERIOD), phase(last, PERIOD)) < 0.2, path
    assert all(checks.verdict(name) == "Up" for name in names)
    assert not any(checks.events(name) for name in names)


def recent(counted: CountingSite, names: list[str]) -> list[list[float]]:
    """The probes of the last four and a half periods, of each Check."""
    hits = counted.hits()
    newest = max(times[-1] for times in hits.values())
    return [[at for at in hits[f"/{name}"] if at > newest - 4.5 * PERIOD] for name in names]


def test_what_fails_from_one_location_only_is_degraded_and_says_from_where(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite
) -> None:
    """The two pools may reach different servers of the site: a server is broken for one of them."""
    only = {"east": f"{HOSTS[0]}/32", "west": f"{HOSTS[1]}/32"}
    for pool, cidr in only.items():
        pools.create(
            pool,
            labels={"location": pool},
            egress={"allow": [LOOPBACK | {"cidrs": [cidr]}], "default": "Deny"},
        )
    checks.create(
        "front-page", pools=["east", "west"], http={"url": f"http://{EXAMPLE_HOST}:{counted.port}/"}
    )
    start_pooled()
    checks.wait_verdict("front-page", "Up")
    counted.answer(500, "/", host=HOSTS[0])
    status = checks.wait_verdict("front-page", "Degraded")
    assert "east" in status["message"]
    found = {location["pool"]: location["verdict"] for location in status["locations"]}
    assert found == {"east": "Down", "west": "Up"}
    counted.answer(500, "/")
    checks.wait_verdict("front-page", "Down")
    counted.answer(200, "/")
    checks.wait_verdict("front-page", "Up")


def test_a_check_in_two_pools_of_which_one_is_deleted_goes_on_in_the_other_and_says_so(
    start_pooled: StartOperator,
    pools: Pools,
    checks: Checks,
    counted: CountingSite,
    machine: Machine,
) -> None:
    for pool in ("east", "west"):
        pools.create(pool)
    checks.create("front-page", pools=["east", "west"], quorum=1, http={"url": counted.url("/")})
    start_pooled()
    checks.wait_verdict("front-page", "Up")
    for pool in ("east", "west"):
        pools.wait_ready(pool)
    begin = counted.times("/")[-1]
    pools.delete("west")
    condition = checks.wait_reason("front-page", "Ready", "NotInAllPools")
    assert (condition["status"], checks.condition("front-page", "Accepted")["status"]) == ("False", "True")
    assert "there is no ProbePool west" in condition["message"]
    wait_until(lambda: pools.made("west") == [], what="the workers in west to go")
    since = time.monotonic()
    wait_until(lambda: len(counted.times("/", since=since)) > 3, what="probes from east alone")
    times = counted.times("/")
    assert not overdue(times, 2.25, begin=begin, end=times[-1], waited=machine.waited)
    assert checks.events("front-page") == []
    counted.answer(500, "/")
    status = checks.wait_verdict("front-page", "Down")
    assert status["targets"]["summary"] == "0/1"
    pools.create("west")
    checks.wait_reason("front-page", "Ready", "Probing")
    wait_until(
        lambda: len(checks.get("front-page")["status"].get("locations", ())) == 2,
        what="both locations to be told of again",
    )
    assert [event["reason"] for event in checks.events("front-page")] == ["Down"]


def test_a_pool_that_is_deleted_leaves_nothing_and_its_checks_keep_their_last_status_and_say_so(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite, node: LocalNode
) -> None:
    node.collect_garbage(on=False)  # The operator does it by itself, too.
    pools.create("east", replicas=2)
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    operator = start_pooled()
    before = checks.wait_verdict("front-page", "Up")
    assert operator.series("pollwatch_operator_feed_states_total", 'pool="east"')
    pools.delete("east")
    condition = checks.wait_reason("front-page", "Accepted", "PoolNotFound")
    assert "east" in condition["message"]
    after = checks.get("front-page")["status"]
    assert (after["verdict"], after["targets"]) == ("Up", before["targets"])
    assert after["lastTransitionTime"] == before["lastTransitionTime"]
    wait_until(
        lambda: [name for name in pools.made("east") if not name.startswith("pods/")] == [],
        what="everything of the pool to go",
    )
    node.collect_garbage(on=True)
    wait_until(lambda: not pools.made("east"), what="the Pods to go")
    wait_until(lambda: operator.series("", 'pool="east"') == {}, what="its series to go")

    pools.create("east")
    checks.wait_reason("front-page", "Ready", "Probing")
    checks.wait_verdict("front-page", "Up")


def test_a_pool_that_is_deleted_while_no_operator_runs_leaves_nothing(
    start_pooled: StartOperator, pools: Pools, checks: Checks, counted: CountingSite
) -> None:
    pools.create("east")
    checks.create("front-page", pool="east", http={"url": counted.url("/")})
    operator = start_pooled()
    checks.wait_verdict("front-page", "Up")
    operator.stop()
    pools.delete("east")
    wait_until(lambda: not pools.made(), what="everything of the pool to be collected")
