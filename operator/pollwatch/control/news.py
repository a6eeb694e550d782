"""What is news about a Check, and the Kubernetes Event that says it.

The name of an Event is made from what it says, so that saying it twice (after a restart, on a
retry, by the next leader) is refused by the API server as a duplicate.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from pollwatch.api.conditions import AlertsReason, ConditionStatus, ConditionType
from pollwatch.control.cluster import CHECKS
from pollwatch.control.conditions import find_condition, rfc3339_micro
from pollwatch.control.record import VerdictTurn
from pollwatch.control.status import PROBED, CheckStatus
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.states import CheckState, Verdict

MAX_NOTE = 1024
"""Longest note that the API accepts, in bytes."""

_SEVERITY = {Verdict.UP: 0, Verdict.UNKNOWN: 1, Verdict.DEGRADED: 2, Verdict.DOWN: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What an Event says."""

    key: CheckKey
    uid: str
    warning: bool
    reason: str
    action: str
    """What the operator did: `Judge` or `Validate`."""
    note: str
    occasion: str
    """When it began, mostly: with the Check's uid and the reason it names the Event."""
    since: str = ""
    """When it began, RFC 3339 with microseconds; empty: now."""

    @property
    def name(self) -> str:
        """The name of the Event object: the Check's and a digest of what is said."""
        digest = hashlib.sha256(f"{self.uid}\0{self.reason}\0{self.occasion}".encode()).hexdigest()[:16]
        return f"{self.key.name[:230]}.{digest}"


def admission_news(key: CheckKey, uid: str, before: CheckStatus | None, after: CheckStatus) -> News | None:
    """Say what became of a Check's spec, if that is news; that it is accepted at once is none.

    Args:
        key: the Check.
        uid: its identity.
        before: the status that was held.
        after: the one that was just written.
    """
    accepted = find_condition(after.conditions, ConditionType.ACCEPTED)
    if accepted is None:
        return None
    earlier = find_condition(before.conditions, ConditionType.ACCEPTED) if before else None
    rejected = accepted.status == ConditionStatus.FALSE
    was_rejected = earlier is not None and earlier.status == ConditionStatus.FALSE
    changed = earlier is None or (earlier.status, earlier.message) != (accepted.status, accepted.message)
    if not changed or not (rejected or was_rejected):
        return None
    return News(
        key=key,
        uid=uid,
        warning=rejected,
        reason=accepted.reason,
        action="Validate",
        note=accepted.message,
        occasion=f"{accepted.last_transition_time}/{after.observed_generation}/{accepted.message}",
    )


def alerts_news(key: CheckKey, uid: str, before: CheckStatus | None, after: CheckStatus) -> News | None:
    """Say what is wrong with what the Check's spec says of alerts, if that is news.

    Args:
        key: the Check.
        uid: its identity.
        before: the status that was held.
        after: the one that was just written.
    """
    told = find_condition(after.conditions, ConditionType.ALERTS_RENDERED)
    earlier = find_condition(before.conditions, ConditionType.ALERTS_RENDERED) if before else None
    if told is None or told.reason != AlertsReason.INVALID_TEMPLATE:
        # All else is seen in the cluster, not in the Check.
        return None
    if earlier is not None and (earlier.reason, earlier.message) == (told.reason, told.message):
        return None
    return News(
        key=key,
        uid=uid,
        warning=True,
        reason=told.reason,
        action="Validate",
        note=told.message,
        occasion=f"{told.last_transition_time}/{told.observed_generation}/{told.message}",
    )


def turn_news(key: CheckKey, uid: str, turn: VerdictTurn, *, locations: int) -> News | None:
    """Say that the verdict took a turn. That a new Check is found Up is no news.

    Neither is that one is found as it was when its pool, or its spec, left it without a verdict; that it
    is not as it was then is news.

    Args:
        key: the Check.
        uid: its identity.
        turn: what happened.
        locations: in how many pools it is probed.
    """
    if turn.after is turn.told or (turn.told is None and turn.after is Verdict.UP):
        return None
    place = f"{turn.pool} found {turn.state.verdict}, " if locations > 1 else ""
    return _verdict_news(
        key, uid, turn.told, turn.after, since=turn.since, found=f"{place}{_found_by(turn.state)}"
    )


def known_news(state: CheckState, *, since: str = "") -> News | None:
    """Say again what was told, maybe, by the leader before this one; the API server knows.

    Args:
        state: of a Check with one pool.
        since: when the turn was that may have been told, RFC 3339; empty: when the state began.
    """
    # What a worker found first may have been no turn: the Check was the same before it started.
    if Verdict.UNKNOWN in (state.previous, state.verdict) or state.previous is state.verdict:
        return None
    since = since or rfc3339_micro(state.since)
    return _verdict_news(
        state.key, state.uid, state.previous, state.verdict, since=since, found=_found_by(state)
    )


def standing_news(key: CheckKey, uid: str, status: CheckStatus, *, told: Verdict | None) -> News | None:
    """Say what a status says: of a turn that no pool told (one was given up, say), or told some leader.

    Args:
        key: the Check.
        uid: its identity.
        status: the one that was written, or is held.
        told: the verdict that people knew of before; `None`: there was none yet.
    """
    ready = find_condition(status.conditions, ConditionType.READY)
    if ready is None or ready.reason not in PROBED or status.verdict is told:
        return None
    if told is None and status.verdict in (Verdict.UNKNOWN, Verdict.UP):
        return None
    found = _found(status.up, status.total, status.reason, status.address, status.message)
    return _verdict_news(key, uid, told, status.verdict, since=status.last_transition_time, found=found)


def _verdict_news(
    key: CheckKey, uid: str, before: Verdict | None, after: Verdict, *, since: str, found: str
) -> News:
    before = before or Verdict.UNKNOWN
    return News(
        key=key,
        uid=uid,
        warning=_SEVERITY[after] > _SEVERITY[before],
        reason=after.value,
        action="Judge",
        note=f"{after} (was {before}): {found}",
        occasion=since,
        since=since,
    )


def _found_by(state: CheckState) -> str:
    reason = state.reason.value if state.reason is not None else ""
    return _found(state.up, state.total, reason, state.address, state.evidence)


def _found(up: int, total: int, reason: str, address: str, evidence: str) -> str:
    parts = [f"{up} of {total} targets up"]
    if reason:
        parts.append(f"{reason} at {address}" if address else reason)
        if evidence:
            parts.append(evidence)
    return "; ".join(parts)


def event_document(said: News, *, instance: str, now: float) -> dict[str, Any]:
    """Build the Event (events.k8s.io/v1). Its time is when what it says began, whenever it is posted.

    Args:
        said: what it says.
        instance: who reports it: the name of the Pod or host.
        now: Unix seconds.
    """
    latest = rfc3339_micro(now)
    is_known = len(said.since) == len(latest)
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": said.name, "namespace": said.key.namespace},
        "eventTime": min(said.since, latest) if is_known else latest,
        "type": "Warning" if said.warning else "Normal",
        "reason": said.reason,
        "action": said.action,
        "note": said.note.encode()[:MAX_NOTE].decode(errors="ignore"),
        "regarding": {
            "apiVersion": f"{CHECKS.group}/{CHECKS.version}",
            "kind": CHECKS.kind,
            "namespace": said.key.namespace,
            "name": said.key.name,
            "uid": said.uid,
        },
        "reportingController": "pollwatch.dev/operator",
        "reportingInstance": instance[:128],
    }
