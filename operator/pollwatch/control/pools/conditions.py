"""The conditions of a ProbePool: what is wrong, in one word and one message that says what to do."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from pollwatch.api.conditions import ConditionStatus
from pollwatch.api.pool_conditions import (
    DeliveredReason,
    FeedIntactReason,
    PoolAcceptedReason,
    PoolConditionType,
    PoolReadyReason,
)
from pollwatch.control.conditions import Condition, find_condition, merge_conditions, rfc3339
from pollwatch.control.pools.view import PoolView, WorkerView

MAX_MESSAGE = 2048

LOST_IS_TOLD = 3600.0
"""Seconds that a feed which overflowed is told."""

PATIENCE = 10.0
"""Seconds that a plan may be on its way before anybody is told: each change of a Check makes one."""

OVERDUE = 60.0
"""Seconds that a Pod may take to get ready until nobody takes it for one that is being brought up."""

_READY_ORDER = (
    PoolReadyReason.UNSCHEDULABLE,
    PoolReadyReason.IMAGE_UNAVAILABLE,
    PoolReadyReason.WORKERS_FAILING,
    PoolReadyReason.WORKERS_NOT_READY,
)

_DELIVERED_ORDER = (
    DeliveredReason.PLAN_REFUSED,
    DeliveredReason.UNSUPPORTED_FORMAT,
    DeliveredReason.TOKEN_MISMATCH,
    DeliveredReason.UNREACHABLE,
)


def pool_conditions(view: PoolView, before: tuple[Condition, ...], *, now: float) -> tuple[Condition, ...]:
    """Work out all conditions of a pool.

    Args:
        view: what is known.
        before: those that the API server holds.
        now: Unix seconds.
    """
    overflow = find_condition(before, PoolConditionType.FEED_INTACT)
    wanted = (
        _accepted(view, now),
        _ready(view, now),
        _delivered(view, now),
        _feed_intact(view, overflow, now),
    )
    return merge_conditions(before, wanted)


def _accepted(view: PoolView, now: float) -> Condition:
    return _condition(
        view,
        now,
        PoolConditionType.ACCEPTED,
        view.accepted,
        view.accepted_message,
        status=view.accepted is PoolAcceptedReason.ACCEPTED,
    )


def _ready(view: PoolView, now: float) -> Condition:
    reason, message = _ready_reason(view)
    good = reason is PoolReadyReason.READY
    return _condition(view, now, PoolConditionType.READY, reason, message, status=good)


def _ready_reason(view: PoolView) -> tuple[PoolReadyReason, str]:
    pods = [worker.pod for worker in view.workers if worker.pod is not None]
    for reason in _READY_ORDER:
        problems = [pod.problem for pod in pods if pod.problem is not None and pod.problem.reason is reason]
        if problems:
            return reason, _first_of(one.message for one in problems)
    if view.obstacle:
        return PoolReadyReason.WORKERS_NOT_READY, view.obstacle
    late = [worker for worker in view.workers if worker.pod is None or not worker.pod.ready]
    if view.scaling and not any(worker.unready_for > OVERDUE for worker in late):
        return PoolReadyReason.SCALING, view.scaling
    if late:
        # Nobody but the StatefulSet tells why there is no Pod: a quota, a priority class, admission.
        kind = "pod" if any(worker.pod is not None for worker in late) else "statefulset"
        where = f"kubectl -n {view.namespace} describe {kind} -l pollwatch.dev/pool={view.name} says more"
        if kind == "statefulset" and view.accepted is not PoolAcceptedReason.ACCEPTED:
            where = "condition Accepted says why"
        names = [worker.name for worker in late]
        return PoolReadyReason.WORKERS_NOT_READY, f"{_listed(names)} not ready: {where}."
    return PoolReadyReason.READY, f"{_count(view.wanted, 'worker')} ready."


def _delivered(view: PoolView, now: float) -> Condition:
    reason, message = _delivered_reason(view)
    good = reason is DeliveredReason.DELIVERED
    return _condition(view, now, PoolConditionType.DELIVERED, reason, message, status=good)


def _delivered_reason(view: PoolView) -> tuple[DeliveredReason, str]:
    problems = [worker.link_problem for worker in view.workers if worker.link_problem is not None]
    for reason in _DELIVERED_ORDER:
        found = [problem for problem in problems if problem.reason.value == reason.value]
        if found:
            return reason, _first_of(problem.message for problem in found)
    unsupported = [
        f"worker {worker.name} does not know all that {report.plan.unsupported[0]} asks for and does not"
        " probe it: let all workers run the operator's version (spec.template.image)."
        for worker in view.workers
        if (report := worker.link.report) is not None and report.plan.unsupported
    ]
    if unsupported:
        return DeliveredReason.UNSUPPORTED_FORMAT, _first_of(unsupported)
    absent = [
        worker.name
        for worker in view.workers
        if not worker.may_run and (not worker.link.live_revision or worker.unready_for > PATIENCE)
    ]
    if absent:
        return (
            DeliveredReason.PENDING,
            f"{_listed(absent)} not running: condition Ready says why. Plans wait in their Secrets.",
        )
    waiting = [worker for worker in view.workers if worker.pending_for > PATIENCE]
    if waiting:
        reports = [worker.link.report for worker in waiting if worker.link.report is not None]
        fault = next((f" {one.plan.fault}: {one.plan.message}." for one in reports if one.plan.fault), "")
        late = _listed([worker.name for worker in waiting])
        message = f"{late} not yet probing by the plan of now. What was live before goes on.{fault}"
        return DeliveredReason.PENDING, message + _claimed(waiting)
    repaired = f" {view.repaired}" if view.repaired else ""
    return DeliveredReason.DELIVERED, f"Every worker probes by the plan of now.{repaired}"


def _claimed(waiting: Iterable[WorkerView]) -> str:
    """Say that a worker claims what cannot be, or not so often; empty: none does."""
    for worker in waiting:
        if worker.claims_more:
            return (
                f" Worker {worker.name} says that it probes by revision {worker.link.live_revision}, and was"
                f" given {worker.revision} at most: where etcd was not restored, see whether it was taken"
                " over, and delete its Pod."
            )
    return ""


def _feed_intact(view: PoolView, before: Condition | None, now: float) -> Condition:
    lost = [
        (worker.link.lost_at, worker)
        for worker in view.workers
        if worker.link.lost_at is not None and now - worker.link.lost_at < LOST_IS_TOLD
    ]
    if lost:
        at, worker = max(lost, key=lambda item: item[0])
        return _condition(
            view,
            now,
            PoolConditionType.FEED_INTACT,
            FeedIntactReason.OVERFLOWED,
            f"The feed of worker {worker.name} overflowed at {rfc3339(at)}: {worker.link.lost} transitions"
            " were lost while nobody read it; the verdicts are those of now all the same.",
            status=False,
        )
    # Told by the leader before us; its hour runs on.
    if (
        before is not None
        and before.status == ConditionStatus.FALSE
        and rfc3339(now - LOST_IS_TOLD) < before.last_transition_time
    ):
        return before
    return _condition(
        view,
        now,
        PoolConditionType.FEED_INTACT,
        FeedIntactReason.INTACT,
        "No transition was lost.",
        status=True,
    )


def _condition(
    view: PoolView,
    now: float,
    condition_type: PoolConditionType,
    reason: StrEnum,
    message: str,
    *,
    status: bool,
) -> Condition:
    return Condition(
        type=condition_type.value,
        status=(ConditionStatus.TRUE if status else ConditionStatus.FALSE).value,
        reason=reason.value,
        message=message[:MAX_MESSAGE],
        observed_generation=view.generation,
        last_transition_time=rfc3339(now),
    )


def _first_of(messages: Iterable[str]) -> str:
    first, *rest = messages
    text = first[0].upper() + first[1:]
    return f"{text} ({len(rest)} more like it.)" if rest else text


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""  # noqa: PLR2004 - as above
    return f"{'Workers' if len(names) > 1 else 'Worker'} {shown}{more} {'are' if len(names) > 1 else 'is'}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"
