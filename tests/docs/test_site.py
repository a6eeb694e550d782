"""The site that `make docs` makes of the pages."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.api.crd import Resource
from pollwatch.api.resources import RESOURCES
from tools.editor_schema import SITE as SCHEMAS
from tools.editor_schema import file_name

SITE = "https://pollwatch.dev/"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, built as `make check` builds it."""
    folder = tmp_path_factory.mktemp("site")
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    return folder


class Loads(HTMLParser):
    """Collects what a browser fetches to show a page, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video") and (address := given.get("src")):
            self.loaded.append(address)
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload", "modulepreload"):
            self.loaded.append(given.get("href") or "")
        if tag == "a" and (address := given.get("href")):
            self.linked.append(address)


def pages(site: Path) -> Iterator[tuple[Path, Loads]]:
    for page in sorted(site.rglob("*.html")):
        loads = Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        yield page.relative_to(site), loads


def test_a_page_loads_nothing_from_another_host(site: Path) -> None:
    foreign = [
        f"{page}: {address}"
        for page, loads in pages(site)
        for address in loads.loaded
        if re.match(r"(https?:)?//", address)
    ]
    styles = [
        f"{sheet.relative_to(site)}: {address}"
        for sheet in site.rglob("*.css")
        for address in re.findall(r"url\([\"']?((?:https?:)?//[^)\"']+)", sheet.read_text(encoding="utf-8"))
    ]
    assert foreign + styles == []


def test_a_link_out_of_the_pages_leads_to_a_file_of_the_repository(site: Path) -> None:
    outward = [
        address
        for _, loads in pages(site)
        for address in loads.linked
        if (match := re.match(r"https://github\.com/pollwatch/pollwatch/(?:blob|tree)/main/([^#]+)", address))
        and not (ROOT / match[1]).exists()
    ]
    assert outward == []


def test_a_bar_in_a_table_is_shown_without_what_escapes_it(site: Path) -> None:
    escaped = [
        f"{page.relative_to(site)}: {code}"
        for page in site.rglob("*.html")
        for code in re.findall(r"<code>([^<]*\\\|[^<]*)</code>", page.read_text(encoding="utf-8"))
    ]
    assert escaped == []


def test_the_link_of_an_alert_leads_to_its_page(site: Path) -> None:
    for runbook in (ROOT / "docs/runbooks").glob("[!R]*.md"):
        link = AlertDefaults().runbook_of(runbook.stem)
        assert (site / link.removeprefix(SITE) / "index.html").is_file(), link


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_a_schema_is_published_where_samples_look_for_it(site: Path, resource: Resource) -> None:
    published = site / f"{SCHEMAS}/{file_name(resource)}".removeprefix(SITE)
    assert json.loads(published.read_text(encoding="utf-8"))["$id"] == f"{SCHEMAS}/{file_name(resource)}"
