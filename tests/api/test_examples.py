"""Every Check that the documentation and the samples show is valid."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from pollwatch.api.check import KIND
from pollwatch.api.load import load

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "manifests" / "samples"
YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shown_checks() -> list[tuple[str, str]]:
    """The whole Checks in Markdown pages, with the page's name."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        (page.name, block)
        for page in pages
        for block in YAML_BLOCK.findall(page.read_text(encoding="utf-8"))
        if f"kind: {KIND}\n" in block
    ]


def test_the_documentation_shows_checks() -> None:
    assert shown_checks()


@pytest.mark.parametrize(("page", "text"), shown_checks())
def test_a_check_in_the_documentation_is_valid(page: str, text: str) -> None:
    loaded = load(["-"], stdin=io.BytesIO(text.encode()))

    assert [str(problem) for problem in loaded.problems] == [], page


def test_the_samples_are_valid() -> None:
    loaded = load([str(SAMPLES)], stdin=io.BytesIO())

    assert loaded.checks
    assert [str(problem) for problem in loaded.problems] == []
