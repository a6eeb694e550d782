"""What an API server does to its clients: away, busy, forgetful, contended. Nothing is lost or doubled."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cluster.apiclient import ApiError, documents_in
from tests.cluster.controlplane import ControlPlane
from tests.cluster.crds import establish
from tests.cluster.waiting import wait_until
from tests.control.conftest import Checks, StartOperator
from tests.control.operators import RunningOperator
from tests.support.sites import SERVER_ERROR, Answer, Site

CRDS = Path(__file__).parents[2] / "manifests" / "crds"

SYSTEM, ACCOUNT = "pollwatch-system", "pollwatch"

FLOW_CONTROL = "/apis/flowcontrol.apiserver.k8s.io/v1"


def shown(operator: RunningOperator, checks: Checks, name: str) -> set[float]:
    """Whether probes of this very Check succeed, as the series say."""
    return set(operator.series("probe_success{", *checks.labels(name)).values())


def verdict_events(checks: Checks, name: str) -> list[str]:
    return [event["reason"] for event in checks.events(name) if event["action"] == "Judge"]


def test_turns_while_the_api_server_is_away_all_get_their_event_and_the_status_is_right_in_the_end(
    cluster: ControlPlane, start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator("--resync-period=5")
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    with cluster.api_server_outage():
        for answer, success in ((SERVER_ERROR, 0.0), (Answer(), 1.0), (SERVER_ERROR, 0.0), (Answer(), 1.0)):
            site.answer = answer
            wait_until(
                lambda success=success: shown(operator, checks, "front-page") == {success},  # type: ignore[misc]
                what="the outcome in the series",
            )
    expected = ["Down", "Up", "Down", "Up"]
    wait_until(lambda: verdict_events(checks, "front-page") == expected, what="an Event for each turn")
    status = checks.wait_verdict("front-page", "Up")
    name = f"{checks.namespace}/front-page"
    turns = [entry for entry in operator.entries("verdict changed") if entry["check"] == name]
    assert [entry["after"] for entry in turns] == ["Up", *expected]
    assert status["targets"]["summary"] == "1/1"
    site.answer = SERVER_ERROR
    later = checks.wait_verdict("front-page", "Down")
    assert later["lastTransitionTime"] > status["lastTransitionTime"]
    wait_until(lambda: verdict_events(checks, "front-page") == [*expected, "Down"], what="the last Event")


@contextmanager
def somebody_writing(checks: Checks, name: str) -> Iterator[list[int]]:
    """Another client changes labels of a Check, as fast as it can."""
    written = [0]
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            written[0] += 1
            checks._admin.patch(f"{checks.path}/{name}", {"metadata": {"labels": {"storm": str(written[0])}}})

    thread = threading.Thread(target=write, name="storm")
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join(30)


def test_a_storm_of_writes_by_somebody_else_does_not_keep_a_verdict_from_being_written(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator()
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    with somebody_writing(checks, "front-page") as written:
        for answer, verdict in ((SERVER_ERROR, "Down"), (Answer(), "Up"), (SERVER_ERROR, "Down")):
            site.answer = answer
            checks.wait_verdict("front-page", verdict)
    name = "pollwatch_operator_status_writes_total"
    writes = {labels: value for labels, value in operator.series(name).items() if value}
    print(f"{written[0]} writes by somebody else; ours: {writes}")  # noqa: T201 - a figure to be read
    assert checks.get("front-page")["metadata"]["labels"]["storm"] == str(written[0])
    wait_until(
        lambda: verdict_events(checks, "front-page") == ["Down", "Up", "Down"], what="an Event for each turn"
    )


def bound_token(cluster: ControlPlane, secret: str) -> str:
    """A token of the operator's account that ends with a Secret."""
    account = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/{ACCOUNT}"
    held = cluster.admin.post(f"/api/v1/namespaces/{SYSTEM}/secrets", {"metadata": {"name": secret}})
    reference = {"apiVersion": "v1", "kind": "Secret", "name": secret, "uid": held["metadata"]["uid"]}
    answer = cluster.admin.post(
        f"{account}/token",
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600, "boundObjectRef": reference},
        },
    )
    return str(answer["status"]["token"])


def test_a_token_that_is_good_no_longer_is_replaced_by_the_one_that_is_there(
    cluster: ControlPlane, start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    kubeconfig = cluster.kubeconfig(bound_token(cluster, "first-token"))
    operator = start_operator("--resync-period=5", kubeconfig=kubeconfig)
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    cluster.admin.delete(f"/api/v1/namespaces/{SYSTEM}/secrets/first-token")
    name = "pollwatch_operator_api_requests_total"
    wait_until(lambda: operator.series(name, 'code="401"'), what="the API server to refuse the token")
    site.answer = SERVER_ERROR
    wait_until(lambda: shown(operator, checks, "front-page") == {0.0}, what="probes to go on")
    kubeconfig.write_text(cluster.kubeconfig(bound_token(cluster, "second-token")).read_text())
    try:
        checks.wait_verdict("front-page", "Down")
        checks.wait_event("front-page", "Down")
        checks.create("another", http={"url": site.url})
        checks.wait_verdict("another", "Down")
    finally:
        cluster.admin.delete(f"/api/v1/namespaces/{SYSTEM}/secrets/second-token")


@contextmanager
def too_many_requests(cluster: ControlPlane) -> Iterator[None]:
    """The API server answers all status writes of the operator with 429.

    That is API Priority and Fairness: a priority level that takes one request at a time, and one that
    does not end.
    """
    level: dict[str, Any] = {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "PriorityLevelConfiguration",
        "metadata": {"name": "jail"},
        "spec": {
            "type": "Limited",
            "limited": {
                "nominalConcurrencyShares": 0,
                "lendablePercent": 0,
                "borrowingLimitPercent": 0,
                "limitResponse": {"type": "Reject"},
            },
        },
    }
    account = {"kind": "ServiceAccount", "serviceAccount": {"name": ACCOUNT, "namespace": SYSTEM}}
    writes = {
        "verbs": ["patch"],
        "apiGroups": ["pollwatch.dev"],
        "resources": ["checks/status"],
        "namespaces": ["*"],
    }
    flow: dict[str, Any] = {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": "jail"},
        "spec": {
            "matchingPrecedence": 2,
            "priorityLevelConfiguration": {"name": "jail"},
            "rules": [{"subjects": [account], "resourceRules": [writes]}],
        },
    }
    cluster.admin.post(f"{FLOW_CONTROL}/prioritylevelconfigurations", level)
    cluster.admin.post(f"{FLOW_CONTROL}/flowschemas", flow)
    try:
        wait_until(lambda: is_in_force(cluster, f"{FLOW_CONTROL}/flowschemas/jail"), what="the flow schema")
        with endless_status_write(cluster):
            yield
    finally:
        cluster.admin.delete(f"{FLOW_CONTROL}/flowschemas/jail")
        cluster.admin.delete(f"{FLOW_CONTROL}/prioritylevelconfigurations/jail")


@contextmanager
def endless_status_write(cluster: ControlPlane) -> Iterator[None]:
    """A status write under the operator's account whose body never comes."""
    token = cluster.service_account_token(SYSTEM, ACCOUNT)
    tls = ssl.create_default_context(cafile=cluster.ca_file)
    with closing(HTTPSConnection(urlsplit(cluster.url).netloc, context=tls, timeout=30)) as connection:

        def is_taken() -> bool:
            connection.close()
            connection.putrequest("PATCH", "/apis/pollwatch.dev/v1alpha1/namespaces/none/checks/none/status")
            connection.putheader("Authorization", f"Bearer {token}")
            connection.putheader("Content-Type", "application/merge-patch+json")
            connection.putheader("Content-Length", "2")
            # The API server asks for the body when the request has its seat.
            connection.putheader("Expect", "100-continue")
            connection.endheaders()
            answer: bytes = connection.sock.recv(4096)
            return answer.startswith(b"HTTP/1.1 100 ")

        wait_until(is_taken, what="the endless write to be let in")
        yield


def is_in_force(cluster: ControlPlane, path: str) -> bool:
    conditions = cluster.admin.get(path).get("status", {}).get("conditions", [])
    return any(one["type"] == "Dangling" and one["status"] == "False" for one in conditions)


def test_an_api_server_that_has_too_much_to_do_is_left_in_peace_and_told_later(
    cluster: ControlPlane, start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator()
    names = [f"check-{number}" for number in range(20)]
    for name in names:
        checks.create(name, http={"url": site.url})
    for name in names:
        checks.wait_verdict(name, "Up")
    refused = "pollwatch_operator_api_requests_total"
    with too_many_requests(cluster):
        site.answer = SERVER_ERROR
        wait_until(lambda: operator.series(refused, 'code="429"'), what="a 429")
        wait_until(
            lambda: all(shown(operator, checks, name) == {0.0} for name in names), what="probes to go on"
        )
    for name in names:
        checks.wait_verdict(name, "Down")
        checks.wait_event(name, "Down")
    answers = sum(operator.series(refused, 'code="429"').values())
    print(f"{answers:.0f} answers 429 for {len(names)} writes")  # noqa: T201 - a figure to be read
    assert answers < 20 * len(names)


def test_a_definition_that_is_deleted_and_applied_again_is_survived(
    cluster: ControlPlane, start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator("--resync-period=5")
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    definitions = documents_in(CRDS)
    (definition,) = (one for one in definitions if one["spec"]["names"]["kind"] == "Check")
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
    cluster.admin.delete(path)
    try:
        wait_until(lambda: is_gone(cluster, path), what="the definition to be gone")
        wait_until(lambda: not operator.series("probe_success{"), what="the series of its Checks to go")
    finally:
        establish(cluster.admin, [definition])
    created = wait_until(lambda: try_create(checks, site), what="Checks to be accepted again") or {}
    checks.wait_verdict("front-page", "Up")
    site.answer = SERVER_ERROR
    checks.wait_verdict("front-page", "Down")
    event = checks.wait_event("front-page", "Down")
    assert event["regarding"]["uid"] == created["metadata"]["uid"]


def is_gone(cluster: ControlPlane, path: str) -> bool:
    try:
        cluster.admin.get(path)
    except ApiError as error:
        return error.status == 404
    return False


def try_create(checks: Checks, site: Site) -> dict[str, Any] | None:
    try:
        return checks.create("front-page", http={"url": site.url})
    except ApiError as error:
        if error.status not in (404, 429):
            raise
        return None


@pytest.fixture(autouse=True)
def _no_tracebacks(start_operator: StartOperator, tmp_path: Path) -> Iterator[None]:
    """Whatever the API server does, the operator meets no defect of its own."""
    del start_operator
    yield
    for log in tmp_path.glob("operator-*/operator.log"):
        assert "Traceback" not in log.read_text(encoding="utf-8")
