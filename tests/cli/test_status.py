"""`pollwatch status` tells the person on call what is wrong, and where."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pollwatch.cli.status import command
from tests.cluster.controlplane import ControlPlane

POOLS = "/apis/pollwatch.dev/v1alpha1/probepools"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"

Status = Callable[..., Result]
GivePool = Callable[[dict[str, Any]], None]


def condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason or kind,
        "message": message,
        "lastTransitionTime": "2016-11-09T03:10:00Z",
    }


WORKER = {
    "name": "east-0",
    "pod": "probepool-east-0-0",
    "ready": True,
    "checks": 2500,
    "targets": 3100,
    "revision": 17,
    "liveRevision": 17,
    "feedLagSeconds": 0,
    "utilisationPercent": 31,
    "latenessMilliseconds": 4,
}
WELL = {
    "observedGeneration": 1,
    "replicas": 1,
    "readyReplicas": 1,
    "shards": 1,
    "checks": 2500,
    "targets": 3100,
    "probesPerSecond": 206,
    "utilisationPercent": 31,
    "latenessMilliseconds": 4,
    "workers": [WORKER],
    "conditions": [condition(kind) for kind in ("Accepted", "Ready", "Delivered", "FeedIntact")],
}


@pytest.fixture
def pool(control_plane: ControlPlane) -> Iterator[GivePool]:
    """Gives the pool `east` a status."""
    admin = control_plane.admin
    document = {"apiVersion": "pollwatch.dev/v1alpha1", "kind": "ProbePool", "metadata": {"name": "east"}}
    admin.post(POOLS, document | {"spec": {}})

    def give(status: dict[str, Any]) -> None:
        admin.patch(f"{POOLS}/east/status", {"status": status})

    yield give
    admin.delete(f"{POOLS}/east")


@pytest.fixture
def leads(control_plane: ControlPlane, namespace: str) -> Callable[..., None]:
    """Has an operator hold the Lease, which it renewed some seconds ago."""

    def lead(holder: str = "pollwatch-0", *, ago: float = 0.0) -> None:
        renewed = (datetime.now(UTC) - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        control_plane.admin.post(
            LEASES.format(namespace),
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": "pollwatch"},
                "spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 3600},
            },
        )

    return lead


@pytest.fixture
def status(control_plane: ControlPlane, namespace: str) -> Status:
    """Runs `pollwatch status`."""
    kubeconfig = control_plane.kubeconfig()

    def run(*arguments: str, kubeconfig: Path = kubeconfig) -> Result:
        options = [f"--kubeconfig={kubeconfig}", f"--system-namespace={namespace}", *arguments]
        return CliRunner().invoke(command, options)

    return run


def test_a_pool_that_is_well_is_one_line_and_one_for_each_worker(
    status: Status, pool: GivePool, leads: Callable[..., None]
) -> None:
    pool(WELL)
    leads()
    result = status()
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "led by pollwatch-0" in result.output
    assert "east 1/1 2,500 3,100 206 31 % 4 ms" in lines
    assert "east-0 yes 2,500 3,100 31 % 4 ms 0 s 17 live" in lines
    assert result.exit_code == 0


def test_what_is_wrong_stands_below_the_table_with_what_to_do_and_the_exit_code_says_so(
    status: Status, pool: GivePool, leads: Callable[..., None]
) -> None:
    message = "no node can take probepool-east-0-0: 0/3 nodes are available; lower spec.template.resources"
    unready = WORKER | {"ready": False, "liveRevision": 16, "problem": "its plan was refused: Torn"}
    conditions = [condition("Accepted"), condition("Ready", "False", "Unschedulable", message)]
    pool(WELL | {"readyReplicas": 0, "conditions": conditions, "workers": [unready]})
    leads()
    result = status()
    assert f"✗ east: Ready: Unschedulable: {message}" in result.output
    assert "✗ east-0: its plan was refused: Torn" in result.output
    assert "17, live is 16" in result.output
    assert result.exit_code == 1


def test_what_the_pool_says_of_a_worker_is_not_said_twice(
    status: Status, pool: GivePool, leads: Callable[..., None]
) -> None:
    message = "Pod probepool-east-0-0 cannot be scheduled: 0/3 nodes are available."
    unready = WORKER | {"ready": False, "problem": message.replace("Pod", "pod")}
    pool(WELL | {"conditions": [condition("Ready", "False", "Unschedulable", message)], "workers": [unready]})
    leads()
    assert status().output.count("0/3 nodes are available") == 1


def test_a_pool_that_no_operator_has_looked_at_is_not_well(
    status: Status, pool: GivePool, leads: Callable[..., None]
) -> None:
    del pool
    leads()
    result = status()
    assert "no operator has looked at it yet" in result.output
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("holder", "ago", "said"),
    [
        ("pollwatch-0", 7200.0, "no operator leads: pollwatch-0 renewed its Lease 2 h"),
        ("", 0.0, "no operator leads: the last one stopped"),
    ],
)
def test_an_installation_that_nobody_leads_is_not_well(
    status: Status,
    pool: GivePool,
    leads: Callable[..., None],
    holder: str,
    ago: float,
    said: str,
) -> None:
    pool(WELL)
    leads(holder, ago=ago)
    result = status()
    assert said in result.output
    assert result.exit_code == 1


def test_an_operator_that_was_never_there_is_missed(status: Status, pool: GivePool) -> None:
    pool(WELL)
    result = status()
    assert "no operator has ever led here" in result.output
    assert result.exit_code == 1


def test_a_script_reads_it_as_json(status: Status, pool: GivePool, leads: Callable[..., None]) -> None:
    pool(WELL)
    leads()
    told = json.loads(status("-o", "json").output)
    assert told["well"] is True
    assert told["leader"]["holder"] == "pollwatch-0"
    assert [worker["live"] for worker in told["pools"][0]["workers"]] == [17]


def test_a_cluster_that_cannot_be_reached_is_one_line(status: Status, tmp_path: Path) -> None:
    nowhere = tmp_path / "kubeconfig"
    nowhere.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\nusers: [{name: u, user: {}}]\n"
    )
    result = status(kubeconfig=nowhere)
    assert result.output.startswith("Error: the cluster cannot be asked: ")
    assert len(result.output.splitlines()) == 1
    assert result.exit_code == 1
