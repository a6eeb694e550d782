"""An operator with pools is healthy when its loop is, ready when it can list, and says who leads."""

import time

import httpx

from tests.cluster.controlplane import ControlPlane
from tests.cluster.waiting import wait_until
from tests.control.conftest import StartOperator
from tests.control.operators import RunningOperator

A_LONG_HOLD = 6.0
"""Seconds: longer than the limit of /healthz."""


def leads(operator: RunningOperator) -> bool:
    return operator.series("pollwatch_operator_leader ") == {"pollwatch_operator_leader": 1.0}


def test_a_loop_that_was_held_for_5_seconds_is_not_healthy_and_recovers(start_pooled: StartOperator) -> None:
    operator = start_pooled()
    assert httpx.get(f"{operator.url}/healthz", timeout=30.0).text == "ok\n"
    with operator.stopped():
        # The process has to stand still for real: no clock can be passed into it.
        time.sleep(A_LONG_HOLD)
    answer = httpx.get(f"{operator.url}/healthz", timeout=30.0)
    assert (answer.status_code, "event loop was held for" in answer.text) == (503, True)
    wait_until(
        lambda: httpx.get(f"{operator.url}/healthz", timeout=30.0).is_success,
        what="the operator to be healthy again",
        within_seconds=60,
    )


def test_an_operator_that_cannot_list_is_not_ready_and_not_restarted(
    cluster: ControlPlane, start_pooled: StartOperator
) -> None:
    operator = start_pooled("--resync-period=1")
    with cluster.api_server_outage():
        wait_until(lambda: not operator.is_ready(), what="the operator to be unready", within_seconds=60)
        assert "no list of Checks has succeeded" in httpx.get(f"{operator.url}/readyz", timeout=30.0).text
        assert httpx.get(f"{operator.url}/healthz", timeout=30.0).is_success
    wait_until(operator.is_ready, what="the operator to be ready again", within_seconds=90)
    wait_until(lambda: leads(operator), what="the operator to lead again", within_seconds=60)


def test_metrics_are_served_while_the_api_server_is_away_and_tell_of_it(
    cluster: ControlPlane, start_pooled: StartOperator
) -> None:
    operator = start_pooled("--resync-period=1")
    wait_until(lambda: leads(operator), what="the operator to lead", within_seconds=60)
    unanswered = "pollwatch_operator_api_requests_total", 'code="0"'
    failed = "pollwatch_operator_resyncs_total", 'outcome="failed"'
    before = sum(operator.series(*unanswered).values()), sum(operator.series(*failed).values())
    with cluster.api_server_outage():
        for name, earlier in zip((unanswered, failed), before, strict=True):
            wait_until(
                lambda name=name, earlier=earlier: sum(operator.series(*name).values()) > earlier,  # type: ignore[misc]
                what=f"{name} to grow",
                within_seconds=60,
            )
        wait_until(lambda: not leads(operator), what="the operator to lead no more", within_seconds=60)
        assert operator.series("process_resident_memory_bytes")
    wait_until(lambda: leads(operator), what="the operator to lead again", within_seconds=60)


def test_the_leaders_renewals_are_among_the_requests_that_are_counted(start_pooled: StartOperator) -> None:
    operator = start_pooled()
    wait_until(lambda: leads(operator), what="the operator to lead", within_seconds=60)
    renewals = "pollwatch_operator_api_requests_total", 'verb="update"', 'code="200"'
    wait_until(lambda: sum(operator.series(*renewals).values()) > 1, what="renewals", within_seconds=60)


def test_of_two_operators_both_are_ready_and_one_says_that_it_leads(start_pooled: StartOperator) -> None:
    operators = [start_pooled(), start_pooled()]
    wait_until(lambda: sorted(map(leads, operators)) == [False, True], what="one to lead", within_seconds=60)
    assert all(operator.is_ready() for operator in operators)
