"""Whoever is paged finds a page about the alert."""

from pathlib import Path

import pytest

from pollwatch.alerting import texts
from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.alerting.self_rules import self_rules

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
OF_CHECKS = {text.alert for text in vars(texts).values() if isinstance(text, texts.Text)}
OF_POLLWATCH = {rule.name for rule in self_rules(AlertDefaults()).rules}
SECTIONS = (
    "## Who is hurt",
    "## First",
    "## What it is, most likely first",
    "## Silence it",
    "## What ends it",
)


@pytest.mark.parametrize("alert", sorted(OF_CHECKS | OF_POLLWATCH))
def test_every_alert_has_a_runbook_that_says_what_to_do(alert: str) -> None:
    page = (RUNBOOKS / f"{alert}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {alert}\n\n**")
    places = [page.index(f"\n{section}\n") for section in SECTIONS]
    assert places == sorted(places)
    assert f"alertname={alert}" in page


def test_every_runbook_is_about_an_alert_that_there_is() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == OF_CHECKS | OF_POLLWATCH


def test_the_list_of_runbooks_has_all_of_them() -> None:
    listed = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert [alert for alert in OF_CHECKS | OF_POLLWATCH if f"({alert}.md)" not in listed] == []
