"""What the status of a Check should be: pure functions from what is known to what is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pollwatch.api.conditions import AcceptedReason, AlertsReason, ConditionStatus, ConditionType, ReadyReason
from pollwatch.control.alerting.outcomes import Outcome, Silence
from pollwatch.control.conditions import (
    Condition,
    find_condition,
    merge_conditions,
    read_condition,
    rfc3339,
    rfc3339_micro,
)
from pollwatch.control.locations import Location, locations_document, overall, read_locations, read_verdict
from pollwatch.plan.samples import Reason
from pollwatch.plan.states import CheckState, Verdict

MAX_MESSAGE = 1024
"""Longest message of a condition, in characters."""

PROBED = frozenset({ReadyReason.PROBING, ReadyReason.NOT_IN_ALL_POOLS})
"""Reasons of `Ready` of a Check that a worker has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStatus:
    """The `status` of a Check."""

    observed_generation: int
    conditions: tuple[Condition, ...]
    verdict: Verdict
    last_transition_time: str
    """When `verdict` began, RFC 3339."""
    previous: Verdict = field(default=Verdict.UNKNOWN, compare=False)
    """The one before that was known; no status is written for its sake: an older CRD does not keep it."""
    previous_since: str = field(default="", compare=False)
    """When `previous` began, RFC 3339; empty: not known. An older CRD does not keep that either."""
    total: int = 0
    up: int = 0
    address: str = ""
    """Of the sample that made the verdict what it is; empty when all targets are Up."""
    reason: str = ""
    """Why that sample failed."""
    message: str = ""
    """Its evidence, and from where it fails."""
    locations: tuple[Location, ...] = ()
    """What each pool found; empty where there is one pool only."""

    @property
    def standing(self) -> "Standing":
        """The verdict, and when it began."""
        return Standing(self.verdict, self.last_transition_time, self.previous, self.previous_since)

    @property
    def told(self) -> Verdict | None:
        """The verdict that people know of; `None`: there has been none yet.

        That the pool or the spec leaves a Check without one is told of those, and not of its verdict.
        """
        if self.verdict is not Verdict.UNKNOWN or self.reason:
            return self.verdict
        if self.previous is Verdict.UNKNOWN:
            return None
        ready = find_condition(self.conditions, ConditionType.READY)
        return Verdict.UNKNOWN if ready is not None and ready.reason in PROBED else self.previous

    def document(self) -> dict[str, Any]:
        """Return the status as a JSON merge patch (RFC 7396) puts it in place: `null` removes."""
        return {
            "observedGeneration": self.observed_generation,
            "conditions": [one.document() for one in self.conditions],
            "verdict": self.verdict.value,
            "lastTransitionTime": self.last_transition_time,
            "previousVerdict": self.previous.value,
            "previousTransitionTime": self.previous_since or None,
            "targets": {"total": self.total, "up": self.up, "summary": f"{self.up}/{self.total}"},
            "address": self.address or None,
            "reason": self.reason or None,
            "message": self.message or None,
            "locations": locations_document(self.locations) or None,
        }


def read_status(document: Mapping[str, Any] | None) -> CheckStatus | None:
    """Read the status that the API server holds; `None` when the Check has none yet."""
    if not document or not document.get("conditions"):
        return None
    targets = document.get("targets") or {}
    return CheckStatus(
        observed_generation=document.get("observedGeneration", 0),
        conditions=tuple(read_condition(one) for one in document["conditions"]),
        verdict=read_verdict(document.get("verdict")),
        last_transition_time=document.get("lastTransitionTime", ""),
        previous=read_verdict(document.get("previousVerdict")),
        previous_since=document.get("previousTransitionTime") or "",
        total=targets.get("total", 0),
        up=targets.get("up", 0),
        address=document.get("address") or "",
        reason=document.get("reason") or "",
        message=document.get("message") or "",
        locations=read_locations(document.get("locations")),
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
        """Whether a worker has the Check."""
        return self.ready in PROBED

    @property
    def planned(self) -> bool:
        """Whether the Check is in a Plan."""
        return self.probed or self.ready is ReadyReason.POOL_NOT_READY


@dataclass(frozen=True, slots=True)
class Standing:
    """A verdict, and when it began."""

    verdict: Verdict
    since: str
    """RFC 3339."""
    previous: Verdict = field(default=Verdict.UNKNOWN, compare=False)
    """The one before that was not Unknown; Unknown: there was none."""
    previous_since: str = field(default="", compare=False)
    """When that began, RFC 3339; empty: not known."""

    def followed_by(self, verdict: Verdict, since: str) -> "Standing":
        """Give the one after this."""
        if self.verdict is Verdict.UNKNOWN:
            return Standing(verdict, since, self.previous, self.previous_since)
        return Standing(verdict, since, self.verdict, self.since)


def desired_status(
    admission: Admission,
    *,
    found: tuple[Location, ...] | None,
    quorum: int = 1,
    standing: Standing | None = None,
    alerts: Outcome | Silence = Silence.OFF,
    held: CheckStatus | None,
    now: float,
) -> CheckStatus:
    """Work out the status that a Check should have.

    Args:
        admission: what became of its current generation.
        found: what is known of it in each of its pools; `None`: nothing yet, but it may still come.
            Until then, what is held stays true, so that a restart of the operator is no transition.
        quorum: in how many pools it has to be Down to be it.
        standing: the last verdict that is known to have begun; `None`: the one that is held.
        alerts: what became of its alert rules.
        held: the status that the API server holds.
        now: Unix seconds.

    Returns:
        The status; equal to `held` when there is nothing to write.
    """
    if found is None and not admission.planned:
        found = ()
    before = held.conditions if held else ()
    wanted = _conditions(_as_found(admission, found or ()), now)
    conditions = merge_conditions(before, (*wanted, *_alerts_rendered(alerts, admission, before, now)))
    if held is not None and (found is None or _keeps_verdict(admission)):
        return CheckStatus(
            observed_generation=admission.generation,
            conditions=conditions,
            verdict=held.verdict,
            last_transition_time=held.last_transition_time or rfc3339_micro(now),
            previous=held.previous,
            previous_since=held.previous_since,
            total=held.total,
            up=held.up,
            address=held.address,
            reason=held.reason,
            message=held.message,
            locations=held.locations,
        )
    locations = (found or ()) if admission.planned else ()
    judged = overall(locations, quorum=quorum)
    if standing is None and held is not None:
        standing = held.standing
    if standing is None:
        standing = Standing(Verdict.UNKNOWN, "")
    if standing.verdict is not judged.verdict or not standing.since:
        standing = standing.followed_by(judged.verdict, rfc3339_micro(now))
    return CheckStatus(
        observed_generation=admission.generation,
        conditions=conditions,
        verdict=judged.verdict,
        last_transition_time=standing.since,
        previous=standing.previous,
        previous_since=standing.previous_since,
        total=judged.total,
        up=judged.up,
        address=judged.address,
        reason=judged.reason,
        message=judged.message,
        locations=locations if len(locations) > 1 else (),
    )


def has_verdict(state: CheckState | None) -> bool:
    """Whether a sample stands behind the state: one that is Unknown for no reason has none yet."""
    return state is not None and (state.verdict is not Verdict.UNKNOWN or state.reason is not None)


def _keeps_verdict(admission: Admission) -> bool:
    """Whether the last verdict of a Check that is not probed stays: its pool may come back."""
    return admission.accepted is AcceptedReason.POOL_NOT_FOUND


def _as_found(admission: Admission, found: tuple[Location, ...]) -> Admission:
    """Say so when a Check that is in a Plan cannot be probed: no address of its host may be reached."""
    denied = [one for one in found if one.reason == Reason.EGRESS_DENIED and one.verdict is Verdict.UNKNOWN]
    if not admission.probed or not denied or len(denied) < len(found):
        return admission
    return Admission(
        generation=admission.generation,
        accepted=admission.accepted,
        accepted_message=admission.accepted_message,
        ready=ReadyReason.EGRESS_DENIED,
        ready_message=f"Not probed: {denied[0].message or 'the egress policy refuses every address'}. "
        "Ask who runs the ProbePool to allow it in spec.egress.allow.",
    )


def _conditions(admission: Admission, now: float) -> tuple[Condition, ...]:
    accepted = admission.accepted is AcceptedReason.ACCEPTED
    return (
        _condition(
            ConditionType.ACCEPTED, accepted, admission.accepted, admission.accepted_message, admission, now
        ),
        _condition(
            ConditionType.READY,
            admission.ready is ReadyReason.PROBING,
            admission.ready,
            admission.ready_message,
            admission,
            now,
        ),
    )


def _alerts_rendered(
    alerts: Outcome | Silence, admission: Admission, before: tuple[Condition, ...], now: float
) -> tuple[Condition, ...]:
    if isinstance(alerts, Outcome):
        rendered = alerts.reason is AlertsReason.RENDERED
        return (
            _condition(
                ConditionType.ALERTS_RENDERED, rendered, alerts.reason, alerts.message, admission, now
            ),
        )
    told = find_condition(before, ConditionType.ALERTS_RENDERED)
    return () if told is None or alerts is Silence.OFF else (told,)


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
