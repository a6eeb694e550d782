"""What can be known of the dashboards without running them."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pollwatch.control.reference import reference as operator_metrics
from pollwatch.series.reference import reference as metrics
from pollwatch.worker.reference import reference as worker_metrics
from tests.alerting.dashboards.boards import NAMES, Json, board, expressions, panels, urls
from tests.alerting.dashboards.models import VERSIONS, understood

if TYPE_CHECKING:
    from collections.abc import Iterator

each_dashboard = pytest.mark.parametrize("name", NAMES)

OF_THE_DATA_SOURCE = re.compile(
    r"annotations\.list\.\d+\.(expr|step|titleFormat|textFormat|tagKeys|useValueForTime)"
    r"|templating\.list\.\d+\.definition"
)
"""What Grafana keeps for the data source, and its schema says nothing about."""

OTHERS_METRICS = {
    "ALERTS",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
}
"""Metrics that prometheus_client and Prometheus itself make."""

SUFFIXES = ("_bucket", "_sum", "_count")


OF_ONE_VERSION = re.compile(r"panels\.\d+\.options\.tooltip\.(show|mode)")
"""Whether a heatmap has a tooltip: `show` in Grafana 10.1, `mode` in newer ones. Ours say both."""


@each_dashboard
@pytest.mark.parametrize("version", VERSIONS)
def test_grafana_knows_every_field(name: str, version: str) -> None:
    written = board(name)
    lost = [
        path
        for path in missing(written, understood(written, version))
        if not OF_THE_DATA_SOURCE.fullmatch(path) and not OF_ONE_VERSION.fullmatch(path)
    ]
    assert lost == ["id"]  # null: Grafana gives it


@pytest.mark.parametrize("version", VERSIONS)
def test_a_field_that_grafana_does_not_know_would_be_found(version: str) -> None:
    written = board("overview.json")
    written["panels"][0]["gridPos"]["hight"] = 4

    assert "panels.0.gridPos.hight" in missing(written, understood(written, version))


def missing(written: Any, understood: Any, path: str = "") -> Iterator[str]:
    """Paths of what is not the same after a document went through Grafana's own model."""
    if isinstance(written, dict) and isinstance(understood, dict):
        for key, value in written.items():
            inner = f"{path}.{key}".lstrip(".")
            if key in understood:
                yield from missing(value, understood[key], inner)
            else:
                yield inner
    elif isinstance(written, list) and isinstance(understood, list) and len(written) == len(understood):
        for index, (value, other) in enumerate(zip(written, understood, strict=True)):
            yield from missing(value, other, f"{path}.{index}")
    elif written != understood:
        yield path


@each_dashboard
def test_panels_have_an_id_of_their_own_and_do_not_overlap(name: str) -> None:
    all_panels = board(name)["panels"]
    assert len({panel["id"] for panel in all_panels}) == len(all_panels)
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in (panel["gridPos"] for panel in all_panels)
        for x, y in itertools.product(range(place["w"]), range(place["h"]))
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@each_dashboard
def test_every_panel_says_what_it_shows_what_to_do_and_what_emptiness_means(name: str) -> None:
    for panel in panels(board(name)):
        assert len(panel["description"].split()) >= 12, panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]


@each_dashboard
def test_every_number_has_a_unit_or_is_a_count_or_a_word(name: str) -> None:
    for panel in panels(board(name)):
        defaults = panel["fieldConfig"]["defaults"]
        shown = [
            defaults,
            *(
                {one["id"]: one["value"] for one in override["properties"]}
                for override in panel["fieldConfig"]["overrides"]
            ),
        ]
        said = any({"unit", "mappings", "decimals"} & fields.keys() for fields in shown)
        assert said or panel["type"] in ("heatmap", "alertlist"), panel["title"]


@each_dashboard
def test_shares_of_failures_and_what_expires_are_coloured_from_where_they_are_bad(name: str) -> None:
    # The colours of a heatmap are those of how many probes there are.
    by_title = {
        panel["title"]: list(thresholds(panel)) for panel in panels(board(name)) if panel["type"] != "heatmap"
    }
    judged = [title for title in by_title if re.search(r"Failing|Share of failures|expir|Late|lag", title)]
    assert judged
    assert [title for title in judged if not by_title[title]] == []
    for title, all_steps in by_title.items():
        for first, *others in all_steps:
            assert first["value"] is None, title
            values = [step["value"] for step in others]
            assert values, title
            assert values == sorted(set(values)), title


def thresholds(panel: Json) -> Iterator[list[Json]]:
    """All steps at which something of a panel changes its colour."""
    fields = panel["fieldConfig"]
    if "thresholds" in fields["defaults"]:
        yield fields["defaults"]["thresholds"]["steps"]
    for override in fields["overrides"]:
        yield from (one["value"]["steps"] for one in override["properties"] if one["id"] == "thresholds")


@each_dashboard
def test_every_query_goes_to_the_data_source_that_is_chosen(name: str) -> None:
    dashboard = board(name)
    sources = [panel["datasource"] for panel in panels(dashboard) if "targets" in panel]
    sources += [target["datasource"] for panel in panels(dashboard) for target in panel.get("targets", ())]
    sources += [annotation["datasource"] for annotation in dashboard["annotations"]["list"]]
    sources += [one["datasource"] for one in dashboard["templating"]["list"] if one["type"] != "datasource"]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


@each_dashboard
def test_links_lead_to_dashboards_and_choices_that_exist(name: str) -> None:
    uids = {board(other)["uid"]: board(other) for other in NAMES}
    found = list(urls(board(name)))
    assert found
    for url in found:
        parts = urlsplit(url)
        uid = parts.path.removeprefix("/d/")
        assert uid in uids, url
        known = {variable["name"] for variable in uids[uid]["templating"]["list"]}
        passed = {key.removeprefix("var-") for key in parse_qs(parts.query) if key.startswith("var-")}
        assert passed <= known, url


@each_dashboard
def test_from_every_dashboard_one_gets_to_the_others(name: str) -> None:
    own = board(name)["uid"]
    linked = {urlsplit(link["url"]).path.removeprefix("/d/") for link in board(name)["links"]}
    assert linked == {board(other)["uid"] for other in NAMES} - {own}


@each_dashboard
def test_only_metrics_that_there_are_are_asked_for(name: str) -> None:
    tables = metrics() + worker_metrics() + operator_metrics()
    known = set(re.findall(r"^\| `(\w+)` \|", tables, re.MULTILINE)) | OTHERS_METRICS
    histograms = set(re.findall(r"^\| `(\w+)` \| histogram", tables, re.MULTILINE))
    known |= {family + suffix for family in histograms for suffix in SUFFIXES}
    for where, expression in expressions(board(name)):
        asked = set(re.findall(r"(\w+)\{", expression)) | set(
            re.findall(r"\b(?:pollwatch|probe|process)_\w+", expression)
        )
        assert asked, where
        assert asked <= known, where


@each_dashboard
def test_variables_are_declared_before_they_are_used(name: str) -> None:
    dashboard = board(name)
    declared = {"__from", "__range", "__rate_interval", "__interval"}
    for variable in dashboard["templating"]["list"]:
        assert used(variable.get("definition", "")) <= declared, variable["name"]
        declared.add(variable["name"])
    for where, expression in expressions(dashboard):
        assert used(expression) <= declared, where


def used(text: str) -> set[str]:
    """Names of the variables in a text."""
    return set(re.findall(r"\$\{?(\w+)", text))
