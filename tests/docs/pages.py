"""The pages of the documentation, and what stands in their blocks of code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    """The page's path in the repository."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of a page in a language, without their indentation."""
    text = page.read_text(encoding="utf-8")
    return [
        re.sub(rf"^{block[1]}", "", block[3], flags=re.MULTILINE)
        for block in _BLOCK.finditer(text)
        if block[2] == language
    ]


def commands(page: Path) -> list[str]:
    """The commands that a page shows: lines with a prompt, and all lines of the blocks that are run."""
    shown = [
        line.removeprefix("$ ")
        for block in blocks(page, "console")
        for line in re.sub(r"\\\n\s*", " ", block).splitlines()
        if line.startswith("$ ")
    ]
    return shown + [line for block in blocks(page, "sh") for line in block.splitlines()]
