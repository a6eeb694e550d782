"""Apply a Check, and see in its status and Events what is found."""

import time

from tests.cluster.waiting import wait_until
from tests.control.conftest import Checks, StartOperator
from tests.support.sites import SERVER_ERROR, Answer, Site


def test_a_check_that_is_applied_is_accepted_probed_judged_and_exposed(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator()
    made = checks.create("front-page", http={"url": site.url, "expect": {"body": [{"contains": "Welcome"}]}})
    status = checks.wait_verdict("front-page", "Up")
    assert status["observedGeneration"] == made["metadata"]["generation"]
    assert status["targets"] == {"total": 1, "up": 1, "summary": "1/1"}
    for condition_type, reason in (("Accepted", "Accepted"), ("Ready", "Probing")):
        condition = checks.condition("front-page", condition_type)
        assert (condition["status"], condition["reason"]) == ("True", reason)
        assert condition["observedGeneration"] == made["metadata"]["generation"]
    assert set(operator.series("probe_success{", *checks.labels("front-page")).values()) == {1.0}
    assert operator.series("pollwatch_operator_status_writes_total", 'outcome="written"')


def test_a_check_that_was_there_first_is_probed_by_an_operator_that_starts_later(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    checks.create("front-page", http={"url": site.url})
    start_operator()
    checks.wait_verdict("front-page", "Up")


def test_a_site_that_fails_and_is_restored_is_told_in_status_events_and_the_log(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator()
    checks.create("front-page", http={"url": site.url})
    up = checks.wait_verdict("front-page", "Up")
    site.answer = SERVER_ERROR
    down = checks.wait_verdict("front-page", "Down")
    assert down["reason"] == "UnexpectedStatus"
    assert down["address"] == "127.0.0.1"
    assert "500 Internal Server Error" in down["message"]
    assert down["lastTransitionTime"] >= up["lastTransitionTime"]
    site.answer = Answer()
    restored = checks.wait_verdict("front-page", "Up")
    assert not {"reason", "address", "message"} & restored.keys()

    worse = checks.wait_event("front-page", "Down")
    better = checks.wait_event("front-page", "Up")
    assert (worse["type"], better["type"]) == ("Warning", "Normal")
    assert "UnexpectedStatus" in worse["note"]
    assert worse["regarding"]["uid"] == checks.get("front-page")["metadata"]["uid"]
    assert [one["reason"] for one in checks.events("front-page")] == ["Down", "Up"]
    name = f"{checks.namespace}/front-page"
    turns = [entry for entry in operator.entries("verdict changed") if entry["check"] == name]
    assert [(turn["after"], turn["reason"]) for turn in turns] == [
        ("Up", ""),
        ("Down", "UnexpectedStatus"),
        ("Up", ""),
    ]


def test_an_event_that_was_lost_with_its_operator_is_told_by_the_next_at_the_time_of_the_turn(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator()
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    site.answer = SERVER_ERROR
    down = checks.wait_verdict("front-page", "Down")
    assert down["previousVerdict"] == "Up"
    lost = checks.wait_event("front-page", "Down")
    operator.kill()
    checks.lose_events("front-page")
    start_operator()
    told = checks.wait_event("front-page", "Down")
    assert told["metadata"]["name"] == lost["metadata"]["name"]
    assert told["note"] == lost["note"]
    assert told["eventTime"] == lost["eventTime"] == down["lastTransitionTime"]


def test_a_bad_check_affects_only_itself(start_operator: StartOperator, checks: Checks, site: Site) -> None:
    operator = start_operator()
    checks.create("bad", http={"url": site.url, "expect": {"body": [{"matches": "("}]}})
    checks.create("good", http={"url": site.url})
    rejected = checks.wait_reason("bad", "Accepted", "InvalidSpec")
    assert rejected["status"] == "False"
    assert "spec.http.expect.body[0].matches" in rejected["message"]
    assert checks.condition("bad", "Ready")["reason"] == "NotAccepted"
    assert checks.wait_event("bad", "InvalidSpec")["type"] == "Warning"
    checks.wait_verdict("good", "Up")
    assert not operator.series("probe_success{", *checks.labels("bad"))

    checks.change("bad", http={"expect": {"body": [{"matches": "W.lcome"}]}})
    checks.wait_verdict("bad", "Up")
    assert checks.condition("bad", "Accepted")["status"] == "True"


def test_a_suspended_check_is_not_probed_and_has_no_series_until_it_is_resumed(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator()
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    checks.change("front-page", suspend=True)
    condition = checks.wait_reason("front-page", "Ready", "Suspended")
    assert condition["status"] == "False"
    assert checks.condition("front-page", "Accepted")["status"] == "True"
    assert checks.verdict("front-page") == "Unknown"
    wait_until(
        lambda: not operator.series("probe_success{", *checks.labels("front-page")), what="its series to go"
    )
    checks.change("front-page", suspend=False)
    checks.wait_verdict("front-page", "Up")


def test_a_deleted_check_is_gone_at_once_with_its_series_and_nothing_holds_it_back(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator()
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    metadata = checks.get("front-page")["metadata"]
    assert "finalizers" not in metadata
    assert "annotations" not in metadata
    checks.delete("front-page")
    wait_until(
        lambda: not operator.series("", f'namespace="{checks.namespace}"'), what="all its series to go"
    )
    probes = len(site.requests)
    time.sleep(2.5)
    assert len(site.requests) <= probes + 1


def test_a_check_that_is_deleted_and_made_again_is_another_one(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    start_operator()
    site.answer = SERVER_ERROR
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Down")
    site.answer = Answer()
    checks.delete("front-page")
    made = checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    current = checks.get("front-page")
    assert current["metadata"]["uid"] == made["metadata"]["uid"]
    assert [one["reason"] for one in checks.events("front-page")] == ["Down"]


def test_while_nothing_changes_nothing_is_written_however_often_it_is_probed(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    operator = start_operator("--resync-period=1")
    for number in range(10):
        checks.create(f"check-{number}", http={"url": site.url})
    checks.create("bad", http={"url": site.url, "expect": {"body": [{"matches": "("}]}})
    for number in range(10):
        checks.wait_verdict(f"check-{number}", "Up")
    checks.wait_reason("bad", "Accepted", "InvalidSpec")

    names = [f"check-{number}" for number in range(10)] + ["bad"]
    before = {name: checks.get(name)["metadata"]["resourceVersion"] for name in names}
    probes = len(site.requests)
    wait_until(lambda: len(site.requests) > probes + 40, what="40 more probes")
    assert operator.series("pollwatch_operator_resyncs_total", "succeeded")
    assert {name: checks.get(name)["metadata"]["resourceVersion"] for name in names} == before


def test_a_status_that_somebody_else_changed_is_put_right(
    start_operator: StartOperator, checks: Checks, site: Site
) -> None:
    start_operator()
    checks.create("front-page", http={"url": site.url})
    checks.wait_verdict("front-page", "Up")
    checks.spoil_status("front-page", verdict="Down")
    checks.wait_verdict("front-page", "Up")
