"""Transitions as plain lines, for files, pipes and people who read logs."""

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
