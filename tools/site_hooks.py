r"""Hooks of MkDocs: what the site needs and the pages, which read well on GitHub too, do not say.

- In `nav`, a folder such as `adr/` stands for all its pages, its README.md first.
- In a table, GitHub wants `\|` for a bar within code, and shows a bar; MkDocs would show both.
- Links out of `docs/` lead to the repository: on GitHub `../manifests/install.yaml` is a file
  beside the page, on the site there is none.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

LINK = re.compile(r"(?P<text>\]\()(?P<path>(?:\.\./)+[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
CODE = re.compile(r"`[^`]*`")


def on_config(config: MkDocsConfig) -> None:
    """Put pages in the place of folders."""
    config.nav = _with_folders(config.nav, Path(config.docs_dir))


def _with_folders(entry: Any, docs: Path) -> Any:
    if isinstance(entry, list):
        return [_with_folders(item, docs) for item in entry]
    if isinstance(entry, dict):
        return {title: _with_folders(item, docs) for title, item in entry.items()}
    if isinstance(entry, str) and entry.endswith("/"):
        pages = sorted((docs / entry).glob("*.md"), key=lambda page: (page.name != "README.md", page.name))
        return [entry + page.name for page in pages]
    return entry


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Write what GitHub understands in the way that MkDocs does."""
    del files
    return _with_plain_bars(_with_outward_links(markdown, page, config))


def _with_plain_bars(markdown: str) -> str:
    """Undo the escaping of bars in code within tables."""
    return ROW.sub(lambda row: CODE.sub(lambda code: code[0].replace("\\|", "|"), row[0]), markdown)


def _with_outward_links(markdown: str, page: Page, config: MkDocsConfig) -> str:
    """Point links to what is outside of `docs/` to the main branch of the repository."""
    folder = posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def outward(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match["path"]))
        if path.startswith("docs/"):
            return match[0]
        kind = "tree" if match["path"].endswith("/") else "blob"
        return f"{match['text']}{config.repo_url}/{kind}/main/{path}{match['anchor'] or ''})"

    return LINK.sub(outward, markdown)
