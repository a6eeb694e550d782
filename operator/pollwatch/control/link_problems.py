"""What can be wrong with the link to a worker, in words that say what to do."""

from dataclasses import dataclass
from enum import StrEnum

from pollwatch.plan.reports import PlanFault, PlanReport

MAX_NAMED = 3
"""Checks that a message names."""


class LinkReason(StrEnum):
    """Why a worker does not have its plan, or cannot be heard: reasons of condition `Delivered`."""

    PLAN_REFUSED = "PlanRefused"
    UNSUPPORTED_FORMAT = "UnsupportedFormat"
    TOKEN_MISMATCH = "TokenMismatch"  # noqa: S105 - a reason, not a password
    UNREACHABLE = "Unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkProblem:
    """What is wrong with a link."""

    reason: LinkReason
    message: str
    """For people, in one line: what is wrong, and what to do."""


def unreachable(worker: str, error: str) -> LinkProblem:
    """A worker does not answer.

    Args:
        worker: its name.
        error: what happened instead, with the address.
    """
    return LinkProblem(
        reason=LinkReason.UNREACHABLE,
        message=f"worker {worker} does not answer ({error}): see whether its Pod runs, and whether a"
        " NetworkPolicy keeps the operator from it; it probes on, and what it finds is told once it answers",
    )


def bad_feed(worker: str, error: str) -> LinkProblem:
    """What answers in the place of a worker does not speak as a worker of this version does."""
    return LinkProblem(
        reason=LinkReason.UNSUPPORTED_FORMAT,
        message=f"what answers for worker {worker} is no worker that this operator understands ({error}):"
        " run the operator and the pool's image in the same version",
    )


def push_failed(worker: str, error: str) -> LinkProblem:
    """A plan cannot be pushed, although the feed is read."""
    return LinkProblem(
        reason=LinkReason.UNREACHABLE,
        message=f"the plan cannot be pushed to worker {worker} ({error}): it comes by the mounted Secret,"
        " which takes a minute or two",
    )


def token_mismatch(worker: str, said: str) -> LinkProblem:
    """A worker accepts none of our keys.

    Args:
        worker: its name.
        said: what it said to the last one.
    """
    return LinkProblem(
        reason=LinkReason.TOKEN_MISMATCH,
        message=f"worker {worker} accepts none of its keys ({said}): new keys take a minute or two to be"
        " mounted; if this lasts, see who changed the keys Secret, and delete the worker's Pod",
    )


def plan_problem(worker: str, version: str, plan: PlanReport) -> LinkProblem | None:
    """Say what is wrong with the plan that a worker was offered last; `None` when nothing is.

    Args:
        worker: its name.
        version: the worker's.
        plan: what it says of its plan.
    """
    runs_on = f"it probes on by revision {plan.revision}" if plan.revision else "it probes nothing"
    if plan.fault is PlanFault.UNSUPPORTED_FORMAT:
        return LinkProblem(
            reason=LinkReason.UNSUPPORTED_FORMAT,
            message=f"worker {worker} (version {version}) cannot read its plan, and {runs_on}:"
            f" {plan.message or 'its format is another'}",
        )
    # A torn plan is one that is being written: another look finds it whole.
    if plan.fault is not None and plan.fault is not PlanFault.TORN:
        return LinkProblem(
            reason=LinkReason.PLAN_REFUSED,
            message=f"worker {worker} refused the plan it was offered, and {runs_on}"
            f" ({plan.fault}: {plan.message}): if somebody edited its Secret, delete it; it is written anew",
        )
    if plan.unsupported:
        named = ", ".join(plan.unsupported[:MAX_NAMED])
        more = len(plan.unsupported) - MAX_NAMED
        return LinkProblem(
            reason=LinkReason.UNSUPPORTED_FORMAT,
            message=f"worker {worker} (version {version}) does not know a field of {named}"
            f"{f' and {more} more' if more > 0 else ''}, and does not probe them: give the pool an image of"
            " the operator's version",
        )
    return None
