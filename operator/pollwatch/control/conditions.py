"""Conditions as the Kubernetes API conventions want them.

`lastTransitionTime` says when the *status* flipped: a new reason or message does not touch it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from sys import intern
from typing import Any


def rfc3339(unix_seconds: float) -> str:
    """Write a time as Kubernetes does (`metav1.Time`): UTC, whole seconds, `Z`."""
    return datetime.fromtimestamp(int(unix_seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(unix_seconds: float) -> str:
    """Write a time as Kubernetes does where seconds are too coarse (`metav1.MicroTime`).

    Of two such texts the later time is the greater text; so it is against a time of whole seconds,
    which counts as the end of its second.
    """
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def unix_seconds(rfc3339_text: str) -> float:
    """Read a time; 0 where the text is none."""
    try:
        return datetime.fromisoformat(rfc3339_text).timestamp()
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One `metav1.Condition`."""

    type: str
    status: str
    """`True`, `False` or `Unknown`: strings, as the API has them."""
    reason: str
    message: str
    observed_generation: int
    last_transition_time: str
    """RFC 3339."""

    def document(self) -> dict[str, Any]:
        """Return the condition as the API server takes it."""
        return {
            "type": self.type,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "observedGeneration": self.observed_generation,
            "lastTransitionTime": self.last_transition_time,
        }


def read_condition(document: Mapping[str, Any]) -> Condition:
    """Read a condition as the API server holds it; what is missing reads as empty.

    Most Checks have the same ones: each text is kept once.
    """
    return Condition(
        type=intern(document.get("type", "")),
        status=intern(document.get("status", "")),
        reason=intern(document.get("reason", "")),
        message=intern(document.get("message", "")),
        observed_generation=document.get("observedGeneration", 0),
        last_transition_time=document.get("lastTransitionTime", ""),
    )


def find_condition(conditions: tuple[Condition, ...], condition_type: str) -> Condition | None:
    """Return the condition of that type, if there is one."""
    return next((one for one in conditions if one.type == condition_type), None)


def merge_conditions(held: tuple[Condition, ...], wanted: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Put `wanted` in the place of `held`, keeping the time of each one whose status stays.

    Args:
        held: what the API server has now.
        wanted: all conditions as they should be, each with the time it would have as a new one.

    Returns:
        The wanted conditions. Conditions of other types are not carried over: the operator
        owns the whole list, and a type that it no longer reports would otherwise stay for ever.
    """
    return tuple(_keep_time(find_condition(held, one.type), one) for one in wanted)


def _keep_time(before: Condition | None, after: Condition) -> Condition:
    if before is None or before.status != after.status or not before.last_transition_time:
        return after
    return replace(after, last_transition_time=before.last_transition_time)
