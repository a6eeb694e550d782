"""Restarts, outages and gaps: what was true before stays true, and nothing is told twice."""

import json
import socket
from pathlib import Path

import httpx
import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.process import Program
from tests.cluster.waiting import wait_until
from tests.control.conftest import Checks, StartOperator
from tests.control.operators import EMBEDDED, POLLWATCH
from tests.support.sites import SERVER_ERROR, Answer, Site


def test_an_operator_that_restarts_changes_no_status_and_posts_no_event_again(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    first = start_operator()
    checks.create("up", http={"url": site.url})
    checks.create("down", http={"url": site.url + "nothing-here"})
    site.answers["/nothing-here"] = SERVER_ERROR
    checks.create("bad", http={"url": site.url, "expect": {"body": [{"matches": "("}]}})
    checks.wait_verdict("up", "Up")
    checks.wait_verdict("down", "Down")
    checks.wait_event("down", "Down")
    checks.wait_event("bad", "InvalidSpec")
    assert first.stop() == 0
    before = {name: checks.get(name)["metadata"]["resourceVersion"] for name in ("up", "down", "bad")}
    events = [len(checks.events(name)) for name in ("up", "down", "bad")]

    second = start_operator()
    probes = len(site.requests)
    wait_until(lambda: len(site.requests) > probes + 6, what="probes by the second operator")
    assert set(second.series("probe_success{", *checks.labels("down")).values()) == {0.0}
    assert {name: checks.get(name)["metadata"]["resourceVersion"] for name in before} == before
    assert [len(checks.events(name)) for name in ("up", "down", "bad")] == events


def test_what_changed_while_no_operator_ran_is_found_by_the_next(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    first = start_operator()
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    first.stop()
    site.answer = SERVER_ERROR
    start_operator()
    checks.wait_verdict("front-page", "Down")
    checks.wait_event("front-page", "Down")


def test_probes_go_on_while_the_api_server_is_away_and_the_outcome_is_written_when_it_is_back(
    cluster: ControlPlane, start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator("--resync-period=5")
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    with cluster.api_server_outage():
        probes = len(site.requests)
        site.answer = SERVER_ERROR
        wait_until(lambda: len(site.requests) > probes + 2, what="probes without an API server")
        wait_until(
            lambda: set(operator.series("probe_success{", *checks.labels("front-page")).values()) == {0.0},
            what="the failure in the series",
        )
    checks.wait_verdict("front-page", "Down")
    checks.create("another", http={"url": site.url})
    checks.wait_verdict("another", "Down")
    site.answer = Answer()
    checks.wait_verdict("front-page", "Up")


def test_a_check_that_was_deleted_in_a_gap_of_the_watch_is_pruned(
    cluster: ControlPlane, start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    """Stopped by SIGSTOP, the operator misses the deletion; compaction and a restart make it 410 Gone."""
    operator = start_operator("--resync-period=3")
    checks.create("stays", http={"url": site.url})
    checks.create("goes", http={"url": site.url})
    checks.wait_verdict("stays", "Up")
    checks.wait_verdict("goes", "Up")
    with operator.stopped():
        checks.delete("goes")
        checks.create("comes", http={"url": site.url})
        cluster.compact()
        with cluster.api_server_outage():
            pass
    wait_until(lambda: not operator.series("", 'check="goes"'), what="the series of what was deleted to go")
    checks.wait_verdict("comes", "Up")
    assert operator.series("probe_success{", *checks.labels("stays"))


def test_a_check_that_was_deleted_before_the_watch_is_back_is_pruned_without_waiting_for_a_re_list(
    cluster: ControlPlane, start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator()
    checks.create("stays", http={"url": site.url})
    checks.create("goes", http={"url": site.url})
    checks.wait_verdict("stays", "Up")
    checks.wait_verdict("goes", "Up")
    # The operator had its lists at the start: those that hurry are over.
    wait_until(
        lambda: operator.series("pollwatch_operator_resyncs_total", "succeeded").popitem()[1] >= 2,
        what="the lists of the start",
        within_seconds=60,
    )
    with operator.stopped():
        with cluster.api_server_outage():
            pass
        checks.delete("goes")
    wait_until(
        lambda: not operator.series("", 'check="goes"'),
        what="the series of what was deleted to go",
        within_seconds=90,
    )
    assert operator.series("probe_success{", *checks.labels("stays"))


def test_told_to_stop_it_finishes_what_it_began_writes_what_it_found_and_exits_with_0(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator()
    site.answer = Answer(delay=1.5)
    checks.create("slow", periodSeconds=60, timeoutSeconds=10, http={"url": site.url})
    wait_until(lambda: site.requests, what="a probe to be under way")
    assert operator.stop() == 0
    assert checks.verdict("slow") == "Up"
    assert operator.entries("operator stopped")
    assert "Traceback" not in operator.log
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{operator.url}/healthz", timeout=5.0)


def test_health_and_readiness_are_told_in_a_line(start_operator: StartOperator) -> None:
    operator = start_operator()
    for path in ("healthz", "readyz"):
        answer = httpx.get(f"{operator.url}/{path}", timeout=30.0)
        assert (answer.status_code, answer.text) == (200, "ok\n")


def test_an_operator_that_cannot_list_for_long_is_not_ready_and_is_healthy(
    cluster: ControlPlane, start_operator: StartOperator
) -> None:
    operator = start_operator("--resync-period=1")
    with cluster.api_server_outage():
        wait_until(lambda: not operator.is_ready(), what="the operator to be unready", within_seconds=60)
        assert httpx.get(f"{operator.url}/healthz", timeout=30.0).is_success
        assert "no list of Checks" in httpx.get(f"{operator.url}/readyz", timeout=30.0).text
    wait_until(operator.is_ready, what="the operator to be ready again", within_seconds=90)


def test_a_port_that_is_taken_is_one_line(cluster: ControlPlane, tmp_path: Path) -> None:
    kubeconfig = cluster.kubeconfig(cluster.service_account_token("pollwatch-system", "pollwatch"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = Program(
            "operator",
            [POLLWATCH, "operator", *EMBEDDED, f"--listen=127.0.0.1:{port}", f"--kubeconfig={kubeconfig}"],
            log=tmp_path / "operator.log",
        )
        assert program.wait(60) == 1
    lines = program.log.read_text(encoding="utf-8").splitlines()
    assert lines[-1].startswith(f"Error: --listen 127.0.0.1:{port}: address already in use")


def test_what_it_logs_for_machines_is_json_with_a_constant_message(start_operator: StartOperator) -> None:
    operator = start_operator()
    operator.stop()
    for line in operator.log.splitlines():
        entry = json.loads(line)
        assert {"event", "level", "timestamp", "logger"} <= entry.keys()
