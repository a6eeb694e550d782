"""The documentation says what is, and points where something is."""

import re
import subprocess
from pathlib import Path

import pytest

from pollwatch.api import conditions, pool_conditions
from pollwatch.plan.reports import PlanFault
from pollwatch.plan.samples import Reason
from pollwatch.worker.timetable import MissedCause
from tests.docs.pages import PAGES, ROOT, name

LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:)([^)#\s]+)?(#[^)\s]*)?\)")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "SECURITY.md"], ids=name)
def test_every_link_within_the_tree_leads_somewhere(page: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target + anchor)
    assert not broken


CLOSED_SETS = [
    Reason,
    *(
        kind
        for module in (conditions, pool_conditions)
        for name, kind in vars(module).items()
        if name.endswith("Reason")
    ),
]
ALL_IS_WELL = {"Accepted", "Probing", "Rendered", "Ready", "Delivered", "Intact"}
REASONS = {str(reason) for kind in CLOSED_SETS for reason in kind} - ALL_IS_WELL


def test_the_closed_sets_of_reasons_are_found() -> None:
    assert len(CLOSED_SETS) >= 8
    assert {"DNSNotFound", "SecretNotFound", "Suspended", "NoRuleApi", "PlanRefused", "Overflowed"} <= REASONS


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_that_people_can_see_is_explained(reason: str) -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    assert f"`{reason}`" in page


@pytest.mark.parametrize("cause", MissedCause)
def test_every_cause_of_a_missed_start_is_explained(cause: str) -> None:
    assert f"`{cause}`" in (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", PlanFault)
def test_every_fault_of_a_plan_is_explained(fault: str) -> None:
    assert f"`{fault}`" in (ROOT / "docs" / "reference" / "worker.md").read_text(encoding="utf-8")


def test_the_readme_names_only_make_targets_that_exist() -> None:
    named = set(re.findall(r"\bmake ([a-z0-9]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert named <= set(re.findall(r"^  make (\w+)", listed, re.MULTILINE))
