"""The status of a pool: one clear word for what is wrong, and what to do."""

from dataclasses import replace
from typing import Any

import pytest

from pollwatch.api.pool_conditions import PoolAcceptedReason, PoolReadyReason
from pollwatch.control.links import LinkProblem, LinkReason, LinkState
from pollwatch.control.pools.conditions import LOST_IS_TOLD, OVERDUE, PATIENCE
from pollwatch.control.pools.pods import PodFacts, PodProblem
from pollwatch.control.pools.status import (
    NUMBERS_EVERY,
    PROGRESS_EVERY,
    desired_status,
    is_worth_writing,
)
from pollwatch.control.pools.view import PoolView, WorkerView
from pollwatch.plan.reports import PlanFault, PlanReport, WorkerReport
from tests.support.clock import ELECTION_NIGHT as NOW

REPORT = WorkerReport(
    instance="i",
    version="1",
    worker="east-0",
    plan=PlanReport(revision=3, checks=10),
    targets=12,
    probes_per_second=0.4,
    utilisation=0.31,
    lateness=0.0042,
    missed=0,
)
POD = PodFacts(
    name="probepool-east-0-0", uid="u", made_at=NOW, url="http://10.0.0.7:9877", ready=True, may_run=True
)
WORKER = WorkerView(
    name="east-0",
    checks=10,
    revision=3,
    pending_for=0.0,
    pod=POD,
    link=LinkState(report=REPORT, heard_at=NOW, live_revision=3),
)
VIEW = PoolView(
    name="east",
    namespace="pollwatch-system",
    generation=2,
    accepted=PoolAcceptedReason.ACCEPTED,
    accepted_message="The spec can be carried out.",
    wanted=1,
    workers=[WORKER],
    checks=10,
)


def conditions(
    view: PoolView, held: dict[str, Any] | None = None, now: float = NOW
) -> dict[str, dict[str, Any]]:
    status = desired_status(view, held or {}, now=now)
    return {one["type"]: one for one in status["conditions"]}


def with_pod(reason: PoolReadyReason, message: str) -> WorkerView:
    pod = replace(POD, ready=False, problem=PodProblem(reason=reason, message=message))
    return replace(WORKER, pod=pod)


def with_link(reason: LinkReason, message: str) -> WorkerView:
    return replace(WORKER, link=replace(WORKER.link, problem=LinkProblem(reason=reason, message=message)))


def test_a_pool_that_is_well_says_so_at_a_glance() -> None:
    status = desired_status(VIEW, {}, now=NOW)
    assert status["summary"] == "1/1"
    assert (status["reason"], status["message"]) == (None, None)
    assert (status["checks"], status["targets"], status["utilisationPercent"]) == (10, 12, 31)
    assert status["latenessMilliseconds"] == 4
    assert {one["status"] for one in status["conditions"]} == {"True"}
    (worker,) = status["workers"]
    assert (worker["revision"], worker["liveRevision"], worker["ready"]) == (3, 3, True)
    assert "problem" not in worker


def test_what_keeps_a_pod_from_running_comes_before_what_follows_from_it() -> None:
    workers = [
        with_pod(PoolReadyReason.WORKERS_FAILING, "pod b ends again and again."),
        with_pod(PoolReadyReason.UNSCHEDULABLE, "pod a cannot be scheduled."),
    ]
    view = replace(VIEW, workers=workers, scaling="Workers are being brought up.")
    ready = conditions(view)["Ready"]
    assert (ready["status"], ready["reason"]) == ("False", "Unschedulable")
    assert ready["message"] == "Pod a cannot be scheduled."


def test_a_worker_that_claims_a_plan_that_nobody_gave_it_is_named_with_what_to_do() -> None:
    link = replace(WORKER.link, live_revision=41)
    view = replace(VIEW, workers=[replace(WORKER, link=link, pending_for=60.0)])
    delivered = conditions(view)["Delivered"]
    assert delivered["reason"] == "Pending"
    assert "Worker east-0 says that it probes by revision 41, and was given 3 at most" in delivered["message"]
    assert delivered["message"].endswith("delete its Pod.")


def test_many_workers_with_one_problem_are_one_message() -> None:
    workers = [with_pod(PoolReadyReason.IMAGE_UNAVAILABLE, f"pod {name}: no image.") for name in "abc"]
    message = conditions(replace(VIEW, workers=workers))["Ready"]["message"]
    assert message == "Pod a: no image. (2 more like it.)"


def test_workers_that_are_added_are_scaling_and_not_a_failure() -> None:
    view = replace(VIEW, workers=[replace(WORKER, pod=None)], scaling="Workers are being brought up.")
    assert conditions(view)["Ready"]["reason"] == "Scaling"


def test_a_worker_that_is_not_ready_without_a_reason_is_named_with_where_to_look() -> None:
    view = replace(VIEW, workers=[replace(WORKER, pod=replace(POD, ready=False))])
    ready = conditions(view)["Ready"]
    assert ready["reason"] == "WorkersNotReady"
    assert ready["message"].startswith("Worker east-0 is not ready: kubectl -n pollwatch-system describe pod")


def test_a_worker_that_takes_too_long_to_come_up_is_not_taken_for_one_that_is_brought_up() -> None:
    """A volume that is not there, a quota: Kubernetes tells it in Events only."""
    starting = replace(WORKER, pod=replace(POD, ready=False, may_run=False))
    view = replace(VIEW, scaling="Workers are being brought up.")
    fresh, stuck = (replace(starting, unready_for=seconds) for seconds in (OVERDUE - 1, OVERDUE + 1))
    assert conditions(replace(view, workers=[fresh]))["Ready"]["reason"] == "Scaling"
    ready = conditions(replace(view, workers=[stuck]))["Ready"]
    assert ready["reason"] == "WorkersNotReady"
    assert "describe pod -l pollwatch.dev/pool=east" in ready["message"]
    missing = conditions(replace(view, workers=[replace(stuck, pod=None)]))["Ready"]
    assert "describe statefulset -l pollwatch.dev/pool=east" in missing["message"]
    refused = replace(view, workers=[replace(stuck, pod=None)], accepted=PoolAcceptedReason.INVALID_SPEC)
    assert (
        conditions(refused)["Ready"]["message"] == "Worker east-0 is not ready: condition Accepted says why."
    )


@pytest.mark.parametrize("reason", list(LinkReason))
def test_what_keeps_a_plan_from_its_worker_is_told_in_the_words_of_the_link(reason: LinkReason) -> None:
    view = replace(VIEW, workers=[with_link(reason, "worker east-0: this is wrong: do that.")])
    status = desired_status(view, {}, now=NOW)
    delivered = {one["type"]: one for one in status["conditions"]}["Delivered"]
    assert (delivered["status"], delivered["reason"]) == ("False", reason.value)
    assert delivered["message"] == "Worker east-0: this is wrong: do that."
    assert (status["reason"], status["message"]) == (reason.value, delivered["message"])
    assert status["workers"][0]["problem"] == "worker east-0: this is wrong: do that."


def test_of_a_worker_that_does_not_run_only_that_is_told() -> None:
    """That it does not answer either, and has no plan, would send people to look for a second cause."""
    silent = with_link(LinkReason.UNREACHABLE, "worker east-0 does not answer.").link
    worker = replace(
        with_pod(PoolReadyReason.IMAGE_UNAVAILABLE, "pod probepool-east-0-0: no image."),
        link=replace(silent, report=None, heard_at=None, live_revision=0),
    )
    assert worker.pod is not None
    worker = replace(worker, pod=replace(worker.pod, may_run=False))
    status = desired_status(replace(VIEW, workers=[worker]), {}, now=NOW)
    told = {one["type"]: one for one in status["conditions"]}
    assert (told["Ready"]["reason"], status["reason"]) == ("ImageUnavailable", "ImageUnavailable")
    assert (told["Delivered"]["status"], told["Delivered"]["reason"]) == ("False", "Pending")
    assert told["Delivered"]["message"].startswith("Worker east-0 is not running: condition Ready says why.")
    assert status["workers"][0]["problem"] == "pod probepool-east-0-0: no image."


def test_a_pool_without_pods_does_not_say_that_its_plans_are_live() -> None:
    unborn = replace(WORKER, pod=None, link=LinkState())
    assert conditions(replace(VIEW, workers=[unborn]))["Delivered"]["reason"] == "Pending"


def test_a_worker_that_is_started_again_has_its_plan_meanwhile() -> None:
    restarting = replace(WORKER, pod=replace(POD, ready=False, may_run=False), unready_for=PATIENCE / 2)
    assert conditions(replace(VIEW, workers=[restarting]))["Delivered"]["reason"] == "Delivered"
    gone = replace(restarting, unready_for=PATIENCE + 1)
    assert conditions(replace(VIEW, workers=[gone]))["Delivered"]["reason"] == "Pending"


def test_checks_that_a_worker_does_not_understand_are_told() -> None:
    report = replace(REPORT, plan=replace(REPORT.plan, unsupported=("public-sites/front-page",)))
    view = replace(VIEW, workers=[replace(WORKER, link=replace(WORKER.link, report=report))])
    delivered = conditions(view)["Delivered"]
    assert delivered["reason"] == "UnsupportedFormat"
    assert "public-sites/front-page" in delivered["message"]


def test_a_plan_on_its_way_is_told_when_it_takes_long_and_not_at_each_change() -> None:
    on_its_way = replace(WORKER, pending_for=PATIENCE / 2)
    assert conditions(replace(VIEW, workers=[on_its_way]))["Delivered"]["reason"] == "Delivered"
    stuck = replace(WORKER, pending_for=PATIENCE + 1)
    assert conditions(replace(VIEW, workers=[stuck]))["Delivered"]["reason"] == "Pending"


def test_a_plan_that_stays_torn_is_told_with_its_fault() -> None:
    torn = replace(
        REPORT, plan=PlanReport(revision=2, fault=PlanFault.TORN, message="part-001 is of another")
    )
    stuck = replace(WORKER, pending_for=PATIENCE + 1, link=LinkState(report=torn, live_revision=2))
    delivered = conditions(replace(VIEW, workers=[stuck]))["Delivered"]
    assert delivered["reason"] == "Pending"
    assert delivered["message"].endswith("What was live before goes on. Torn: part-001 is of another.")


def test_a_plan_that_was_put_right_is_told_for_a_while() -> None:
    view = replace(VIEW, repaired="Secret x was edited by hand and was put right.")
    delivered = conditions(view)["Delivered"]
    assert delivered["status"] == "True"
    assert "edited by hand" in delivered["message"]


def test_a_feed_that_overflowed_is_told_for_an_hour_also_by_the_next_leader() -> None:
    lost = replace(WORKER, link=replace(WORKER.link, lost=7, lost_at=NOW - 60))
    told = conditions(replace(VIEW, workers=[lost]))
    assert (told["FeedIntact"]["status"], told["FeedIntact"]["reason"]) == ("False", "Overflowed")
    assert "worker east-0" in told["FeedIntact"]["message"]
    assert "7 transitions" in told["FeedIntact"]["message"]
    held = {"conditions": list(told.values())}
    assert conditions(VIEW, held, now=NOW + 600)["FeedIntact"]["reason"] == "Overflowed"
    assert conditions(VIEW, held, now=NOW + LOST_IS_TOLD + 60)["FeedIntact"]["reason"] == "Intact"


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    held = desired_status(VIEW, {}, now=NOW)
    again = desired_status(VIEW, held, now=NOW + 600)
    assert again["conditions"] == held["conditions"]


def test_the_same_status_is_never_written_again() -> None:
    held = desired_status(VIEW, {}, now=NOW)
    assert not is_worth_writing(held, desired_status(VIEW, held, now=NOW + 3600), since_written=3600.0)


def test_a_new_condition_is_written_at_once() -> None:
    held = desired_status(VIEW, {}, now=NOW)
    broken = replace(VIEW, workers=[with_link(LinkReason.UNREACHABLE, "worker east-0 cannot be reached.")])
    assert is_worth_writing(held, desired_status(broken, held, now=NOW), since_written=0.1)


def test_a_plan_that_moves_on_is_written_every_few_seconds_at_most() -> None:
    held = desired_status(VIEW, {}, now=NOW)
    moved = desired_status(replace(VIEW, checks=11), held, now=NOW)
    assert not is_worth_writing(held, moved, since_written=PROGRESS_EVERY - 1)
    assert is_worth_writing(held, moved, since_written=PROGRESS_EVERY)


def test_numbers_that_always_move_are_written_once_a_minute_and_only_when_they_moved_far() -> None:
    def measured(utilisation: float) -> dict[str, Any]:
        report = replace(REPORT, utilisation=utilisation)
        workers = [replace(WORKER, link=replace(WORKER.link, report=report))]
        return desired_status(replace(VIEW, workers=workers), {}, now=NOW)

    held = measured(0.31)
    assert not is_worth_writing(held, measured(0.32), since_written=NUMBERS_EVERY * 10)
    assert not is_worth_writing(held, measured(0.60), since_written=NUMBERS_EVERY - 1)
    assert is_worth_writing(held, measured(0.60), since_written=NUMBERS_EVERY)
