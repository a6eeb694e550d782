"""What the status of a Check should be: pure functions from what is known to what is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pollwatch.api.conditions import AcceptedReason, ConditionStatus, ConditionType, ReadyReason
from pollwatch.control.conditions import Condition, merge_conditions, read_condition, rfc3339
from pollwatch.plan.states import CheckState, Verdict

MAX_MESSAGE = 1024
"""Longest message of a condition, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStatus:
    """The `status` of a Check."""

    observed_generation: int
    conditions: tuple[Condition, ...]
    verdict: Verdict
    last_transition_time: str
    """When `verdict` began, RFC 3339."""
    total: int = 0
    up: int = 0
    address: str = ""
    """Of the sample that made the verdict what it is; empty when all targets are Up."""
    reason: str = ""
    """Why that sample failed."""
    message: str = ""
    """Its evidence."""

    def document(self) -> dict[str, Any]:
        """Return the status as a JSON merge patch (RFC 7396) puts it in place: `null` removes."""
        return {
            "observedGeneration": self.observed_generation,
            "conditions": [one.document() for one in self.conditions],
            "verdict": self.verdict.value,
            "lastTransitionTime": self.last_transition_time,
            "targets": {"total": self.total, "up": self.up, "summary": f"{self.up}/{self.total}"},
            "address": self.address or None,
            "reason": self.reason or None,
            "message": self.message or None,
        }


def read_status(document: Mapping[str, Any] | None) -> CheckStatus | None:
    """Read the status that the API server holds; `None` when the Check has none yet."""
    if not document or not document.get("conditions"):
        return None
    targets = document.get("targets") or {}
    try:
        verdict = Verdict(document.get("verdict", Verdict.UNKNOWN))
    except ValueError:
        verdict = Verdict.UNKNOWN
    return CheckStatus(
        observed_generation=document.get("observedGeneration", 0),
        conditions=tuple(read_condition(one) for one in document["conditions"]),
        verdict=verdict,
        last_transition_time=document.get("lastTransitionTime", ""),
        total=targets.get("total", 0),
        up=targets.get("up", 0),
        address=document.get("address") or "",
        reason=document.get("reason") or "",
        message=document.get("message") or "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What became of one generation of a Check: the part of its status that samples do not change."""

    generation: int
    accepted: AcceptedReason
    accepted_message: str
    ready: ReadyReason
    ready_message: str

    @property
    def probed(self) -> bool:
        """Whether the Check is in the Plan."""
        return self.ready is ReadyReason.PROBING


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judgement:
    verdict: Verdict
    since: float
    total: int = 0
    up: int = 0
    address: str = ""
    reason: str = ""
    message: str = ""


def desired_status(
    admission: Admission,
    *,
    state: CheckState | None,
    held: CheckStatus | None,
    patient: bool,
    now: float,
) -> CheckStatus:
    """Work out the status that a Check should have.

    Args:
        admission: what became of its current generation.
        state: what the data plane says of it; `None` when it has said nothing yet.
        held: the status that the API server holds.
        patient: the first verdict of this process may still come: until then, what is held
            stays true, so that a restart of the operator is no transition.
        now: Unix seconds.

    Returns:
        The status; equal to `held` when there is nothing to write.
    """
    conditions = merge_conditions(held.conditions if held else (), _conditions(admission, now))
    if admission.probed and held is not None and patient and not has_verdict(state):
        return CheckStatus(
            observed_generation=admission.generation,
            conditions=conditions,
            verdict=held.verdict,
            last_transition_time=held.last_transition_time or rfc3339(now),
            total=held.total,
            up=held.up,
            address=held.address,
            reason=held.reason,
            message=held.message,
        )
    judgement = _judgement(admission, state, now)
    unchanged = held is not None and held.verdict is judgement.verdict and held.last_transition_time
    return CheckStatus(
        observed_generation=admission.generation,
        conditions=conditions,
        verdict=judgement.verdict,
        last_transition_time=(
            held.last_transition_time if held is not None and unchanged else rfc3339(judgement.since)
        ),
        total=judgement.total,
        up=judgement.up,
        address=judgement.address,
        reason=judgement.reason,
        message=judgement.message,
    )


def has_verdict(state: CheckState | None) -> bool:
    """Whether a sample stands behind the state: one that is Unknown for no reason has none yet."""
    return state is not None and (state.verdict is not Verdict.UNKNOWN or state.reason is not None)


def _judgement(admission: Admission, state: CheckState | None, now: float) -> _Judgement:
    if not admission.probed or state is None:
        return _Judgement(verdict=Verdict.UNKNOWN, since=now)
    if state.reason is None:
        return _Judgement(verdict=state.verdict, since=state.since, total=state.total, up=state.up)
    return _Judgement(
        verdict=state.verdict,
        since=state.since,
        total=state.total,
        up=state.up,
        address=state.address,
        reason=state.reason.value,
        message=state.evidence,
    )


def _conditions(admission: Admission, now: float) -> tuple[Condition, ...]:
    accepted = admission.accepted is AcceptedReason.ACCEPTED
    return (
        _condition(
            ConditionType.ACCEPTED, accepted, admission.accepted, admission.accepted_message, admission, now
        ),
        _condition(
            ConditionType.READY, admission.probed, admission.ready, admission.ready_message, admission, now
        ),
    )


def _condition(
    condition_type: ConditionType,
    status: bool,  # noqa: FBT001 - the condition's own status
    reason: str,
    message: str,
    admission: Admission,
    now: float,
) -> Condition:
    return Condition(
        type=condition_type.value,
        status=(ConditionStatus.TRUE if status else ConditionStatus.FALSE).value,
        reason=str(reason),
        message=message[:MAX_MESSAGE],
        observed_generation=admission.generation,
        last_transition_time=rfc3339(now),
    )
