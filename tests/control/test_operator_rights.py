"""It works with exactly the rights of `manifests/rbac`, and says in one line what is missing."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
import yaml

from tests.cluster.apiclient import ApiError, documents_in
from tests.cluster.controlplane import ControlPlane
from tests.cluster.credentials import kubeconfig as kubeconfig_text
from tests.cluster.process import Program
from tests.cluster.progress import Progress
from tests.cluster.tools import Toolbox
from tests.cluster.waiting import wait_until
from tests.control.conftest import RBAC, Checks, StartOperator
from tests.control.operators import POLLWATCH, running_operator
from tests.support.sites import Site
from tests.support.tunnels import tunnel_to


def run(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int | None, str]:
    """Run an operator that ends by itself; return its exit code and all it said."""
    program = Program(
        "operator",
        [
            POLLWATCH,
            "operator",
            "--embedded",
            "--allow-egress=127.0.0.0/8",
            "--listen=127.0.0.1:0",
            *arguments,
        ],
        log=folder / "operator.log",
        environment=environment,
    )
    try:
        return program.wait(60), program.log.read_text(encoding="utf-8")
    finally:
        program.stop()


def service_account(cluster: ControlPlane, namespace: str, name: str) -> str:
    """Make a service account, and return a token of it."""
    cluster.admin.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
    return cluster.service_account_token(namespace, name)


def grant_namespaced(cluster: ControlPlane, namespace: str, subject: dict[str, Any]) -> None:
    """Apply `manifests/rbac/namespaced` to a namespace, for a subject."""
    documents = documents_in(RBAC / "namespaced")
    for document in documents:
        if document["kind"] == "RoleBinding":
            document["subjects"] = [subject]
    cluster.admin.apply(documents, namespace=namespace)


def test_without_rights_it_says_what_it_may_not_do_and_what_to_apply(
    cluster: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    kubeconfig = cluster.kubeconfig(service_account(cluster, namespace, "nobody"))
    code, said = run(tmp_path, f"--kubeconfig={kubeconfig}")
    assert code == 1
    assert len(said.splitlines()) == 1
    for right in (
        "list, watch checks.pollwatch.dev in all namespaces",
        "patch checks.pollwatch.dev/status",
        "secrets",
    ):
        assert right in said
    assert "kubectl apply -f manifests/rbac/" in said


def test_one_right_that_is_missing_is_the_only_one_that_is_named(
    cluster: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    token = service_account(cluster, namespace, "almost")
    role = documents_in(RBAC / "namespaced" / "role.yaml")[0]
    role["rules"] = [rule for rule in role["rules"] if "events" not in rule["resources"]]
    subject = {"kind": "ServiceAccount", "name": "almost", "namespace": namespace}
    grant_namespaced(cluster, namespace, subject)
    cluster.admin.apply([role], namespace=namespace)
    code, said = run(tmp_path, f"--kubeconfig={cluster.kubeconfig(token)}", f"--namespace={namespace}")
    assert code == 1
    assert f"not allowed to create events.events.k8s.io in namespace {namespace}: kubectl" in said
    assert "manifests/rbac/namespaced/" in said


@pytest.fixture
def bare_cluster(tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane that never heard of Pollwatch."""
    toolbox = Toolbox(os.environ, Progress(sys.stderr))
    folder = tmp_path / "bare"
    folder.mkdir()
    with ControlPlane(
        kube_apiserver=toolbox.path("kube-apiserver"), etcd=toolbox.path("etcd"), folder=folder
    ) as running:
        yield running


@pytest.mark.usefixtures("control_plane")
def test_without_the_crd_it_says_what_to_apply(bare_cluster: ControlPlane, tmp_path: Path) -> None:
    code, said = run(tmp_path, f"--kubeconfig={bare_cluster.kubeconfig()}")
    assert (code, len(said.splitlines())) == (1, 1)
    assert "does not know Checks (pollwatch.dev/v1alpha1): kubectl apply -f manifests/crds/" in said


def test_credentials_that_are_not_accepted_are_told_as_such(cluster: ControlPlane, tmp_path: Path) -> None:
    code, said = run(tmp_path, f"--kubeconfig={cluster.kubeconfig('made-up')}")
    assert (code, len(said.splitlines())) == (1, 1)
    assert "does not accept our credentials (by kubeconfig" in said
    assert "made-up" not in said


def test_an_api_server_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    ca_file = tmp_path / "ca.crt"
    trustme.CA().cert_pem.write_to_path(ca_file)
    kubeconfig.write_text(
        kubeconfig_text(server="https://127.0.0.1:1", ca_file=ca_file, token="t", namespace=None)
    )
    code, said = run(tmp_path, f"--kubeconfig={kubeconfig}")
    assert (code, len(said.splitlines())) == (1, 1)
    assert "the Kubernetes API cannot be reached (by kubeconfig" in said
    assert "127.0.0.1:1" in said


def test_with_roles_alone_it_serves_the_namespaces_it_is_given_and_no_other(
    cluster: ControlPlane, namespace: str, checks: Checks, site: Site, tmp_path: Path
) -> None:
    """Two namespaces are served; a third is there and is left alone."""
    made = [
        cluster.admin.post("/api/v1/namespaces", {"metadata": {"generateName": "test-"}})["metadata"]["name"]
        for _ in range(2)
    ]
    second, third = Checks(cluster, made[0]), Checks(cluster, made[1])
    token = service_account(cluster, namespace, "namespaced")
    subject = {"kind": "ServiceAccount", "name": "namespaced", "namespace": namespace}
    for served in (namespace, second.namespace):
        grant_namespaced(cluster, served, subject)
    with closing(cluster.client(token)) as client, pytest.raises(ApiError, match="403"):
        client.get("/apis/pollwatch.dev/v1alpha1/checks")

    arguments = (f"--namespace={namespace}", f"--namespace={second.namespace}")
    try:
        with running_operator(cluster.kubeconfig(token), tmp_path, *arguments) as operator:
            for team in (third, second, checks):
                team.create("front-page", http={"url": site.url})
            checks.wait_verdict("front-page", "Up")
            second.wait_verdict("front-page", "Up")
            assert "status" not in third.get("front-page")
            assert {
                series.partition('"')[2].partition('"')[0] for series in operator.series("probe_success{")
            } == {
                namespace,
                second.namespace,
            }
    finally:
        for team in (second, third):
            team.delete("front-page")


def test_it_never_uses_a_right_that_it_was_not_granted(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator("--resync-period=1")
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    wait_until(
        lambda: len(operator.series("pollwatch_operator_resyncs_total", "succeeded")), what="a re-list"
    )
    refused = operator.series("pollwatch_operator_api_requests_total", 'code="403"')
    assert not refused
    restarts = operator.series("pollwatch_operator_watch_restarts_total")
    assert set(restarts.values()) == {0.0}


def test_each_request_to_the_api_server_is_counted_by_verb_and_code_those_of_the_watch_too(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator("--resync-period=1")
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    for verb in ("list", "watch", "patch"):
        name = "pollwatch_operator_api_requests_total"
        assert sum(operator.series(name, f'verb="{verb}"', 'code="200"').values()) > 0, verb
    assert operator.series("pollwatch_operator_api_request_duration_seconds_count", 'verb="list"')
    assert not operator.series("pollwatch_operator_api_request_duration_seconds_count", 'verb="watch"')


def test_a_proxy_of_the_environment_is_not_between_it_and_the_api_server(
    cluster: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    token = service_account(cluster, namespace, "operator")
    subject = {"kind": "ServiceAccount", "name": "operator", "namespace": namespace}
    grant_namespaced(cluster, namespace, subject)
    # Nobody listens there.
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    direct = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    with running_operator(
        cluster.kubeconfig(token),
        tmp_path,
        f"--namespace={namespace}",
        environment={**direct, **proxies},
    ) as operator:
        assert operator.is_ready()


def test_a_proxy_that_a_kubeconfig_names_is_between_it_and_the_api_server_for_all_it_does(
    cluster: ControlPlane, namespace: str, checks: Checks, site: Site, tmp_path: Path
) -> None:
    token = service_account(cluster, namespace, "operator")
    subject = {"kind": "ServiceAccount", "name": "operator", "namespace": namespace}
    grant_namespaced(cluster, namespace, subject)
    kubeconfig = cluster.kubeconfig(token)
    document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    there = urlsplit(cluster.url)
    with tunnel_to(str(there.hostname), there.port or 443) as proxy:
        # Without the proxy, nobody listens there.
        document["clusters"][0]["cluster"].update({"server": "https://127.0.0.1:9", "proxy-url": proxy})
        kubeconfig.write_text(yaml.safe_dump(document), encoding="utf-8")
        with running_operator(kubeconfig, tmp_path, f"--namespace={namespace}"):
            checks.create("front-page", http={"url": site.url})
            # Not by the list that the operator makes each few minutes.
            checks.wait_verdict("front-page", "Up")


def test_without_embedded_it_says_that_pools_are_not_there_yet(tmp_path: Path) -> None:
    program = Program("operator", [POLLWATCH, "operator"], log=tmp_path / "operator.log")
    assert program.wait(60) == 2
    assert "add --embedded" in program.log.read_text(encoding="utf-8")


def test_what_cannot_be_a_namespace_is_refused_before_anything_starts(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--namespace=Not_One")
    assert code == 2
    assert "'Not_One' is not the name of a namespace" in said
