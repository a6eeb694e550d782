"""Every Check and ProbePool that the documentation and the samples show is valid."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from pollwatch.api.load import load
from pollwatch.api.resources import CHECK, PROBE_POOL, RESOURCES

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "manifests" / "samples"
YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shown() -> list[tuple[str, str]]:
    """The whole resources in Markdown pages, with the page's name."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        (page.name, block)
        for page in pages
        for block in YAML_BLOCK.findall(page.read_text(encoding="utf-8"))
        if any(f"kind: {resource.kind}\n" in block for resource in RESOURCES)
    ]


@pytest.mark.parametrize("kind", [CHECK.kind, PROBE_POOL.kind])
def test_the_documentation_shows_resources_of_each_kind(kind: str) -> None:
    assert any(f"kind: {kind}\n" in block for _, block in shown())


@pytest.mark.parametrize(("page", "text"), shown())
def test_what_the_documentation_shows_is_valid(page: str, text: str) -> None:
    loaded = load(["-"], stdin=io.BytesIO(text.encode()))

    assert [str(problem) for problem in loaded.problems] == [], page


def test_the_samples_are_valid() -> None:
    loaded = load([str(SAMPLES)], stdin=io.BytesIO())

    assert loaded.checks
    assert loaded.pools
    assert [str(problem) for problem in loaded.problems] == []


def test_the_pools_that_a_sample_names_are_among_the_samples() -> None:
    loaded = load([str(SAMPLES)], stdin=io.BytesIO())
    pools = {sourced.pool.name for sourced in loaded.pools}
    named = {name for sourced in loaded.checks for name in sourced.check.spec.pool_names("east")}

    assert named <= pools
