"""The dashboards of the chart, as they are shown on the node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.waiting import DeadlineError, wait_until

if TYPE_CHECKING:
    from tests.alerting.dashboards.shown import Shown


def without_data(shown: Shown) -> list[str]:
    """The queries that answer nothing, by panel and letter; none may fail."""
    answers = shown.all()
    assert {query: answer.error for query, answer in answers.items() if answer.error} == {}
    return [query for query, answer in answers.items() if not answer.rows]


def wait_until_all_have_data(shown: Shown, *, within_seconds: float) -> None:
    """Return when every query of every panel has answered something, all at once.

    Raises:
        DeadlineError: Some had nothing to the end; they are named.
    """
    empty: list[str] = []

    def are_filled() -> bool:
        nonlocal empty
        empty = without_data(shown)
        return not empty

    try:
        wait_until(are_filled, what="each panel to show something", within_seconds=within_seconds)
    except DeadlineError as error:
        error.add_note(f"nothing to see in: {', '.join(empty)}")
        raise
