"""What the page on migration says of blackbox_exporter is so: a real one judges the same pages."""

import copy
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cli.commands import pollwatch
from tests.cluster.process import Program
from tests.docs.pages import ROOT, blocks
from tests.support.certificates import Authority
from tests.support.sites import Answer, Site, running_site

PAGE = ROOT / "docs" / "migrate-from-blackbox-exporter.md"
_MODULES, _SCRAPED, CHECKS = blocks(PAGE, "yaml")[:3]
MODULE = yaml.safe_load(_MODULES)["modules"]["http_welcome"]
CHECK = next(iter(yaml.safe_load_all(CHECKS)))
READY_SECONDS = 60.0

PAGES = {
    "welcome": Answer(b"Welcome"),
    "hello": Answer(b"Hello"),
    "no-content": Answer(b"", status=204, phrase="No Content"),
    "accepted": Answer(b"Welcome", status=202, phrase="Accepted"),
    "error-page": Answer(b"Welcome. INTERNAL Server Error"),
    "server-error": Answer(b"Welcome", status=500, phrase="Internal Server Error"),
}
HEADERS = {
    "missing": Answer(headers=()),
    "good": Answer(headers=(("X-State", "good"),)),
    "bad": Answer(headers=(("X-State", "bad"),)),
}
HEADER_RULES: dict[str, tuple[dict[str, Any], list[dict[str, str]]]] = {
    "matches": (
        {"fail_if_header_matches": [{"header": "X-State", "regexp": "bad", "allow_missing": True}]},
        [{"name": "X-State", "notMatches": "bad"}],
    ),
    "matches-required": (
        {"fail_if_header_matches": [{"header": "X-State", "regexp": "bad"}]},
        [{"name": "X-State", "notMatches": "bad"}, {"name": "X-State", "matches": "."}],
    ),
    "not-matches": (
        {"fail_if_header_not_matches": [{"header": "X-State", "regexp": "good"}]},
        [{"name": "X-State", "matches": "good"}],
    ),
    "not-matches-if-there": (
        {"fail_if_header_not_matches": [{"header": "X-State", "regexp": "^good$", "allow_missing": True}]},
        [{"name": "X-State", "matches": "^(?:good)?$"}],
    ),
}
"""Options of a module, and the same as rules of a Check."""


class Blackbox:
    """A running blackbox_exporter."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def metrics(self, module: str, target: str) -> dict[str, float]:
        """Probe once. Names of the series, with their labels, and their values."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{self._url}/probe", params={"module": module, "target": target})
        lines = [line for line in answer.raise_for_status().text.splitlines() if not line.startswith("#")]
        return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}


@pytest.fixture
def blackbox(blackbox_exporter_binary: Path, tmp_path: Path) -> Iterator[Blackbox]:
    """One with the page's module, one module for each header rule, and one that takes any certificate."""
    over_http = copy.deepcopy(MODULE)
    del over_http["http"]["fail_if_not_ssl"]  # the site is on the loopback address, without TLS
    modules = {
        "page": over_http,
        "tls": {"prober": "http", "http": {"tls_config": {"insecure_skip_verify": True}}},
    }
    modules |= {name: {"prober": "http", "http": options} for name, (options, _) in HEADER_RULES.items()}
    (tmp_path / "blackbox.yml").write_text(yaml.safe_dump({"modules": modules}), encoding="utf-8")
    log = tmp_path / "blackbox.log"
    program = Program(
        "blackbox_exporter",
        [
            blackbox_exporter_binary,
            f"--config.file={tmp_path / 'blackbox.yml'}",
            "--web.listen-address=127.0.0.1:0",
        ],
        log=log,
    )
    listening = re.compile(r"Listening on.* address=(127\.0\.0\.1:\d+)")
    try:
        program.wait_until_ready(
            lambda: bool(listening.search(log.read_text())), within_seconds=READY_SECONDS
        )
        (address,) = listening.findall(log.read_text())
        yield Blackbox(f"http://{address}")
    finally:
        program.stop()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        site.answers = {f"/{name}": answer for name, answer in (PAGES | HEADERS).items()}
        yield site


async def verdicts(checks: list[dict[str, Any]], folder: Path) -> dict[str, bool]:
    """Whether each Check is Up, after one probe."""
    file = folder / "checks.yaml"
    file.write_text(yaml.safe_dump_all(checks), encoding="utf-8")
    done = await pollwatch("run", file, "--once", "-o", "json")
    return {check["check"]: check["verdict"] == "Up" for check in json.loads(done.out)["checks"]}


async def test_the_check_on_the_page_judges_as_the_module_beside_it(
    blackbox: Blackbox, site: Site, tmp_path: Path
) -> None:
    checks = []
    for name in PAGES:
        check = copy.deepcopy(CHECK)
        check["metadata"]["name"], check["spec"]["http"]["url"] = name, f"{site.url}{name}"
        checks.append(check)

    theirs = {
        name: (await blackbox.metrics("page", f"{site.url}{name}"))["probe_success"] == 1 for name in PAGES
    }
    assert await verdicts(checks, tmp_path) == theirs
    assert theirs == {name: name == "welcome" for name in PAGES}


async def test_rules_about_headers_judge_as_the_options_that_they_replace(
    blackbox: Blackbox, site: Site, tmp_path: Path
) -> None:
    checks, theirs = [], {}
    for rule, (_, ours) in HEADER_RULES.items():
        for name in HEADERS:
            url = f"{site.url}{name}"
            http = {"url": url, "expect": {"headers": ours}}
            metadata = {"name": f"{rule}.{name}", "namespace": "default"}
            checks.append({**CHECK, "metadata": metadata, "spec": {"http": http}})
            theirs[f"{rule}.{name}"] = (await blackbox.metrics(rule, url))["probe_success"] == 1

    assert await verdicts(checks, tmp_path) == theirs
    assert set(theirs.values()) == {True, False}


async def test_the_page_speaks_of_every_metric_that_a_module_for_http_has(
    blackbox: Blackbox, site: Site
) -> None:
    plain = await blackbox.metrics("page", f"{site.url}welcome")
    async with running_site(tls=Authority().server_context()) as secure:
        over_tls = await blackbox.metrics("tls", secure.url)
    assert over_tls["probe_http_ssl"] == 1

    text = PAGE.read_text(encoding="utf-8")
    names = {series.partition("{")[0] for series in plain | over_tls}
    assert [name for name in sorted(names) if not re.search(rf"`{name}(?:\{{|`)", text)] == []
