"""What a Pod says of its worker, in words that help."""

from typing import Any

import pytest

from pollwatch.api.pool_conditions import PoolReadyReason
from pollwatch.control.pools.pods import PodProblem, read_pod

NAME = "probepool-east-0-0"


def pod(phase: str = "Running", container: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """A Pod of a worker; `container` is a part of its container's status."""
    statuses = [] if container is None else [{"name": "worker", "image": "example.org/worker:2", **container}]
    return {
        "metadata": {
            "name": NAME,
            "namespace": "pollwatch-system",
            "uid": "u",
            "creationTimestamp": "2016-11-08T20:00:00Z",
        },
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 9100}]}]},
        "status": {"phase": phase, "containerStatuses": statuses, **status},
    }


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason, "message": message}}, **more}


def problem(document: dict[str, Any]) -> PodProblem:
    found = read_pod(document).problem
    assert found is not None
    return found


READY: dict[str, Any] = {"conditions": [{"type": "Ready", "status": "True"}]}
RUNNING: dict[str, Any] = {"state": {"running": {}}}


@pytest.mark.parametrize(
    ("address", "url"),
    [("10.0.0.7", "http://10.0.0.7:9100"), ("2001:db8::7", "http://[2001:db8::7]:9100")],
)
def test_a_worker_is_where_its_pod_is_at_the_port_named_http(address: str, url: str) -> None:
    assert read_pod(pod(podIP=address)).url == url


def test_a_pod_without_an_address_is_nowhere() -> None:
    assert read_pod(pod("Pending")).url is None


def test_a_ready_pod_has_no_problem() -> None:
    facts = read_pod(pod(container=RUNNING, podIP="10.0.0.7", **READY))
    assert (facts.ready, facts.may_run, facts.problem) == (True, True, None)


def test_a_pod_that_is_being_deleted_is_not_ready_and_may_still_probe() -> None:
    document = pod(container=RUNNING, **READY)
    document["metadata"]["deletionTimestamp"] = "2016-11-08T20:00:00Z"
    facts = read_pod(document)
    assert (facts.ready, facts.may_run) == (False, True)


@pytest.mark.parametrize("containers_ready", ["True", "False"])
def test_a_pod_whose_node_is_lost_is_told_from_one_whose_containers_are_not_ready(
    containers_ready: str,
) -> None:
    conditions = [
        {"type": "Ready", "status": "False"},
        {"type": "ContainersReady", "status": containers_ready},
    ]
    facts = read_pod(pod(container=RUNNING, conditions=conditions))
    is_lost = containers_ready == "True"
    assert (facts.ready, facts.may_run, facts.node_lost) == (False, True, is_lost)
    assert (facts.problem is not None and "node is not heard of" in facts.problem.message) is is_lost


@pytest.mark.parametrize(
    "document",
    [
        pod("Pending"),
        pod(container=waiting("CrashLoopBackOff")),
        pod(container={"state": {"terminated": {}}}),
    ],
    ids=["pending", "crash loop", "ended"],
)
def test_where_no_process_runs_that_is_certain(document: dict[str, Any]) -> None:
    assert not read_pod(document).may_run


def test_a_pod_that_no_node_takes_says_why_and_what_to_change() -> None:
    found = problem(
        pod(
            "Pending",
            conditions=[
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/3 nodes are available: 3 Insufficient cpu.",
                }
            ],
        )
    )
    assert found.reason is PoolReadyReason.UNSCHEDULABLE
    assert "3 Insufficient cpu. Change nodeSelector" in found.message


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName"])
def test_an_image_that_cannot_be_had_is_named(reason: str) -> None:
    found = problem(pod("Pending", container=waiting(reason, "not found")))
    assert found.reason is PoolReadyReason.IMAGE_UNAVAILABLE
    assert "example.org/worker:2" in found.message
    assert "spec.template.image" in found.message


def test_a_missing_secret_of_the_template_is_told() -> None:
    found = problem(
        pod("Pending", container=waiting("CreateContainerConfigError", 'secret "proxy" not found'))
    )
    assert found.reason is PoolReadyReason.WORKERS_FAILING
    assert 'secret "proxy" not found' in found.message
    assert "env or volumes in spec.template" in found.message


def test_a_worker_that_ends_again_and_again_says_its_last_words() -> None:
    last = {"terminated": {"exitCode": 2, "message": "cannot listen on :80:\npermission denied"}}
    found = problem(pod(container=waiting("CrashLoopBackOff", lastState=last)))
    assert found.reason is PoolReadyReason.WORKERS_FAILING
    assert "cannot listen on :80: permission denied." in found.message
    assert f"kubectl -n pollwatch-system logs --previous {NAME}" in found.message


def test_what_kubernetes_says_is_bounded() -> None:
    found = problem(pod("Pending", container=waiting("ErrImagePull", "x" * 5000)))
    assert len(found.message) < 600
