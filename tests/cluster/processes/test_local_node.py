"""What workers rely on around the API server is played as a cluster has it."""

from __future__ import annotations

import base64
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.cluster.apiclient import ApiError
from tests.cluster.processes.local_node import NODE_ADDRESS, LocalNode
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.controlplane import ControlPlane

IMAGE = "stand-in:1"


def programs(folder: Path, script: str) -> Path:
    """A folder of programs, as an image has it, with one shell script."""
    folder.mkdir()
    program = folder / "worker"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return folder


@pytest.fixture
def works(tmp_path: Path) -> Path:
    return programs(
        tmp_path / "image", f'exec {sys.executable} {Path(__file__).with_name("stand_in.py")} "$@"'
    )


@pytest.fixture
def node(control_plane: ControlPlane, namespace: str, tmp_path: Path, works: Path) -> Iterator[LocalNode]:
    with LocalNode(
        control_plane, namespace=namespace, folder=tmp_path / "node", images={IMAGE: works}, links=True
    ) as node:
        yield node


class Workload:
    """One StatefulSet and the Secret that it mounts."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self._admin = control_plane.admin
        self._namespace = namespace
        self.secrets = f"/api/v1/namespaces/{namespace}/secrets"
        self.stateful_sets = f"/apis/apps/v1/namespaces/{namespace}/statefulsets"
        self.pods = f"/api/v1/namespaces/{namespace}/pods"

    def make_secret(self, **data: str) -> None:
        self._admin.apply(
            [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "plan"}, "data": encoded(data)}],
            namespace=self._namespace,
        )

    def make(self, image: str = IMAGE, **spec: Any) -> dict[str, Any]:
        (made,) = self._admin.apply([stateful_set(image, **spec)], namespace=self._namespace)
        return made

    def pod(self) -> dict[str, Any]:
        return self._admin.get(f"{self.pods}/worker-0")

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self._admin.get(f"{self.stateful_sets}/worker").get("status", {})
        return found

    def wait_ready(self) -> dict[str, Any]:
        wait_until(lambda: self.status().get("readyReplicas") == 1, what="the Pod to be ready")
        return self.pod()

    def waiting(self) -> str:
        try:
            statuses = self.pod().get("status", {}).get("containerStatuses", [])
        except ApiError:
            return ""
        return "".join(one["state"].get("waiting", {}).get("reason", "") for one in statuses)

    def delete(self) -> None:
        self._admin.delete(f"{self.stateful_sets}/worker")

    def names(self, path: str) -> list[str]:
        return [item["metadata"]["name"] for item in self._admin.get(path)["items"]]


def encoded(data: dict[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


def stateful_set(image: str, **spec: Any) -> dict[str, Any]:
    labels = {"app": "worker"}
    container = {
        "name": "worker",
        "image": image,
        "command": ["worker"],
        "args": ["--plan=/etc/plan", "--listen=:9877"],
        "ports": [{"name": "http", "containerPort": 9877}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
        "env": [
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "NODES", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIPs"}}},
            {"name": "GREETING", "value": "I am $(NAME)"},
        ],
        "volumeMounts": [{"name": "plan", "mountPath": "/etc/plan"}],
    }
    projected = {"sources": [{"secret": {"name": "plan"}}, {"secret": {"name": "more", "optional": True}}]}
    pod = {
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [{"name": "plan", "projected": projected}],
    } | spec
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "worker"},
        "spec": {
            "serviceName": "worker",
            "replicas": 1,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


@pytest.fixture
def workload(control_plane: ControlPlane, namespace: str, node: LocalNode) -> Iterator[Workload]:
    del node  # Plays from now on.
    workload = Workload(control_plane, namespace)
    yield workload
    for name in workload.names(workload.stateful_sets):
        control_plane.admin.delete(f"{workload.stateful_sets}/{name}")


def shown(pod: dict[str, Any], path: str) -> Any:
    return httpx.get(f"http://{pod['status']['podIP']}:9877/{path}", timeout=10.0).json()


def test_a_stateful_set_becomes_a_process_that_sees_its_environment_and_its_secret(
    workload: Workload,
) -> None:
    workload.make_secret(**{"plan.json": "one"})
    workload.make()
    pod = workload.wait_ready()
    environment = shown(pod, "environment")
    assert environment["GREETING"] == "I am worker-0"
    assert environment["NODES"] == NODE_ADDRESS
    assert shown(pod, "files") == {"plan.json": "one"}
    status = workload.status()
    assert status["observedGeneration"] == 1
    assert status["currentRevision"] == status["updateRevision"]


def test_a_pod_waits_for_a_secret_that_it_needs(workload: Workload) -> None:
    workload.make()
    wait_until(lambda: workload.waiting() == "ContainerCreating", what="the Pod to wait")
    workload.make_secret(plan="one")
    workload.wait_ready()


def test_a_changed_secret_reaches_the_files_at_once_or_only_when_volumes_are_synced(
    workload: Workload, node: LocalNode
) -> None:
    workload.make_secret(plan="one", old="x")
    workload.make()
    pod = workload.wait_ready()
    workload.make_secret(plan="two")
    wait_until(lambda: shown(pod, "files") == {"plan": "two"}, what="the change in the files")
    node.sync_volumes_after(None)
    workload.make_secret(plan="three")
    time.sleep(0.5)
    assert shown(pod, "files") == {"plan": "two"}
    node.sync_volumes_after(0.1)
    wait_until(lambda: shown(pod, "files") == {"plan": "three"}, what="the change after a thaw")


def test_a_process_that_is_killed_is_started_again_with_its_address_and_its_files(
    workload: Workload, node: LocalNode
) -> None:
    workload.make_secret(plan="one")
    workload.make()
    before = workload.wait_ready()["status"]
    node.kill("worker-0")
    wait_until(lambda: node.pod("worker-0").restarts == 1, what="a restart")
    after = workload.wait_ready()["status"]
    assert after["podIP"] == before["podIP"]
    wait_until(
        lambda: workload.pod()["status"]["containerStatuses"][0]["restartCount"] == 1, what="the restart told"
    )


def test_a_changed_template_replaces_the_pod_and_a_deleted_stateful_set_leaves_nothing(
    workload: Workload,
) -> None:
    workload.make_secret(plan="one")
    workload.make()
    before = workload.wait_ready()
    changed = workload.make(terminationGracePeriodSeconds=5)
    rolled_out = {
        "observedGeneration": changed["metadata"]["generation"],
        "updatedReplicas": 1,
        "readyReplicas": 1,
    }
    wait_until(
        lambda: rolled_out.items() <= workload.status().items(), what="the new template to be rolled out"
    )
    assert workload.pod()["metadata"]["uid"] != before["metadata"]["uid"]
    workload.delete()
    wait_until(lambda: not workload.names(workload.pods), what="the Pod to go")
    with pytest.raises(httpx.TransportError):
        shown(before, "files")


def test_an_image_that_is_not_there_and_a_program_that_ends_are_told_as_a_kubelet_does(
    workload: Workload, node: LocalNode, tmp_path: Path, works: Path
) -> None:
    workload.make_secret(plan="one")
    workload.make("nowhere:1")
    wait_until(lambda: workload.waiting() == "ImagePullBackOff", what="the image to be missed")
    node.set_image("nowhere:1", programs(tmp_path / "broken", "exit 3"))
    wait_until(lambda: workload.waiting() == "CrashLoopBackOff", what="the program to crash again and again")
    (status,) = workload.pod()["status"]["containerStatuses"]
    assert status["lastState"]["terminated"]["exitCode"] == 3
    node.set_image("nowhere:1", works)
    workload.wait_ready()


def test_a_pod_that_no_node_can_take_is_unschedulable_until_its_template_is_mended(
    workload: Workload,
) -> None:
    workload.make_secret(plan="one")
    workload.make(nodeSelector={"disk": "of-gold"})

    def reason() -> str:
        conditions = workload.pod().get("status", {}).get("conditions", [])
        return "".join(one.get("reason", "") for one in conditions if one["type"] == "PodScheduled")

    wait_until(lambda: workload.names(workload.pods), what="the Pod")
    wait_until(lambda: reason() == "Unschedulable", what="the Pod to be unschedulable")
    workload.make()
    workload.wait_ready()


def test_a_cut_network_swallows_everything_until_it_is_mended(workload: Workload, node: LocalNode) -> None:
    workload.make_secret(plan="one")
    workload.make()
    pod = workload.wait_ready()
    node.set_cut("worker-0", cut=True)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"http://{pod['status']['podIP']}:9877/files", timeout=0.5)
    assert httpx.get(f"{node.pod('worker-0').url}/files", timeout=10.0).is_success
    node.set_cut("worker-0", cut=False)
    assert shown(pod, "files") == {"plan": "one"}


def test_a_lost_node_answers_nobody_and_only_the_readiness_of_its_pods_is_taken_away(
    workload: Workload, node: LocalNode
) -> None:
    workload.make_secret(value="v1")
    workload.make()
    pod = workload.wait_ready()
    node.set_lost(pod["metadata"]["name"], lost=True)

    def said() -> dict[str, str]:
        return {one["type"]: one["status"] for one in workload.pod()["status"]["conditions"]}

    wait_until(lambda: said()["Ready"] == "False", what="the Pod not to be ready")
    assert said()["ContainersReady"] == "True"
    with pytest.raises(httpx.TimeoutException):
        httpx.get(node.pod(pod["metadata"]["name"]).url, timeout=1.0)
    node.set_lost(pod["metadata"]["name"], lost=False)
    wait_until(lambda: said()["Ready"] == "True", what="the node to be back")


def test_a_full_disk_refuses_writes_and_keeps_the_files_as_they_were(
    workload: Workload, node: LocalNode
) -> None:
    workload.make_secret(plan="one")
    workload.make()
    pod = workload.wait_ready()
    node.set_disk_full("worker-0", full=True)
    workload.make_secret(plan="two")
    time.sleep(0.3)
    assert shown(pod, "write") == "File too large"
    assert shown(pod, "files") == {"plan": "one"}
    node.set_disk_full("worker-0", full=False)
    wait_until(lambda: shown(pod, "files") == {"plan": "two"}, what="the change when there is room again")
    assert shown(pod, "write") == "written"


def test_what_is_mounted_can_be_damaged_and_is_mended_by_the_next_sync(
    workload: Workload, node: LocalNode
) -> None:
    workload.make_secret(plan="one", keys="k")
    workload.make()
    pod = workload.wait_ready()
    node.damage("worker-0", "plan", lambda files: files | {"plan": b"torn"})
    assert shown(pod, "files") == {"plan": "torn", "keys": "k"}
    node.sync_volumes()
    wait_until(lambda: shown(pod, "files") == {"plan": "one", "keys": "k"}, what="the sync")


def test_processes_run_on_while_the_api_server_is_away(
    workload: Workload, node: LocalNode, control_plane: ControlPlane
) -> None:
    workload.make_secret(plan="one")
    workload.make()
    pod = workload.wait_ready()
    with control_plane.api_server_outage():
        node.kill("worker-0")
        wait_until(lambda: node.pod("worker-0").restarts == 1, what="a restart")
        wait_until(lambda: node.pod("worker-0").ready, what="the Pod to be ready again")
        assert shown(pod, "files") == {"plan": "one"}
    workload.make_secret(plan="two")
    wait_until(lambda: shown(pod, "files") == {"plan": "two"}, what="the change after the outage")
