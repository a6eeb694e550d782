"""What the pages show of a Check can be copied: whole ones (tests/api/test_examples.py), and parts."""

import io
import re

import pytest

from pollwatch.api.load import load
from tests.docs.pages import PAGES, blocks, name

OF_CHECKS = re.compile(r"^spec:\n(?:  .*\n|\n)*?  (?:http|tcp):", re.MULTILINE)


def parts() -> list[tuple[str, str]]:
    """Blocks that show `spec` of a Check and nothing around it, with the page's name."""
    return [(name(page), block) for page in PAGES for block in blocks(page, "yaml") if OF_CHECKS.match(block)]


def test_there_are_parts_of_checks_in_several_pages() -> None:
    assert len({page for page, _ in parts()}) > 1


@pytest.mark.parametrize(("page", "text"), parts())
def test_a_part_of_a_check_makes_a_valid_check(page: str, text: str) -> None:
    head = "apiVersion: pollwatch.dev/v1alpha1\nkind: Check\nmetadata: {name: shown, namespace: default}\n"
    loaded = load(["-"], stdin=io.BytesIO((head + text).encode()))

    assert [str(problem) for problem in loaded.problems] == [], page
    assert loaded.checks
