"""Transitions as plain lines, for files, pipes and people who read logs."""

from collections.abc import Mapping
from typing import Any

from pollwatch.cli.display.view import Happening, Note
from pollwatch.cli.display.words import because, iso_time, targets_up
from pollwatch.plan.states import CheckState, Verdict


def worth_a_line(state: CheckState) -> bool:
    """Whether a state is told as it comes: changes of the verdict, and of how bad it is.

    That the targets of a Check are found and seen to be Up one after the other is not news.
    """
    return state.verdict is not state.previous or state.verdict is not Verdict.UP


def plain_line(happening: Happening) -> str:
    """Write a transition or a note in one line: time, verdicts, Check, targets, cause."""
    if isinstance(happening, Note):
        return f"{iso_time(happening.at)} {happening.text}"
    changed = happening.verdict is not happening.previous
    verdict = f"{happening.previous} -> {happening.verdict}" if changed else f"still {happening.verdict}"
    up = targets_up(happening)
    parts = (
        iso_time(happening.at),
        verdict,
        str(happening.key),
        f"({up})" if up else "",
        because(happening),
    )
    return " ".join(part for part in parts if part)


def transition_document(state: CheckState) -> Mapping[str, Any]:
    """Write a transition as JSON: the shape is described in docs/reference/run-json.md."""
    return {
        "time": iso_time(state.at),
        "namespace": state.key.namespace,
        "check": state.key.name,
        "verdict": state.verdict.value,
        "previous": state.previous.value,
        "since": iso_time(state.since),
        "targets": {"total": state.total, "up": state.up},
        "reason": state.reason.value if state.reason else None,
        "address": state.address,
        "evidence": state.evidence,
    }
