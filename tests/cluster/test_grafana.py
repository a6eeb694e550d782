from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.cluster.grafana import Grafana, prometheus_data_source
from tests.cluster.process import ProgramError
from tests.cluster.prometheus import scraping
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.fixtures import StartGrafana, StartPrometheus
    from tests.cluster.lamps import Lamp

OF_PROMETHEUS = {"uid": "prometheus", "type": "prometheus"}
LAMP_IS_OUT: dict[str, Any] = {
    "apiVersion": 1,
    "groups": [
        {
            "orgId": 1,
            "name": "lamps",
            "folder": "Lamps",
            "interval": "10s",
            "rules": [
                {
                    "uid": "lamp-is-out",
                    "title": "LampIsOut",
                    "condition": "B",
                    "for": "0s",
                    "labels": {"severity": "page"},
                    "data": [
                        {
                            "refId": "A",
                            "relativeTimeRange": {"from": 60, "to": 0},
                            "datasourceUid": "prometheus",
                            "model": {"refId": "A", "expr": "lamp_lit", "instant": True},
                        },
                        {
                            "refId": "B",
                            "datasourceUid": "__expr__",
                            "model": {
                                "refId": "B",
                                "type": "threshold",
                                "expression": "A",
                                "conditions": [{"evaluator": {"type": "lt", "params": [1]}}],
                            },
                        },
                    ],
                }
            ],
        }
    ],
}


def test_what_is_provisioned_is_there_a_panel_has_data_and_a_rule_fires_and_clears(
    start_grafana: StartGrafana, start_prometheus: StartPrometheus, lamp: Lamp, tmp_path: Path
) -> None:
    prometheus = start_prometheus(scraping(lamp.address))
    dashboards = tmp_path / "dashboards"
    dashboards.mkdir()
    (dashboards / "lamps.json").write_text(json.dumps({"uid": "lamps", "title": "All lamps", "panels": []}))
    wait_until(lambda: prometheus.query("lamp_lit"), what="a scrape")

    grafana = start_grafana(
        prometheus_data_source(prometheus.url), dashboards=dashboards, alerting=[LAMP_IS_OUT]
    )

    assert grafana.get("/api/dashboards/uid/lamps")["dashboard"]["title"] == "All lamps"
    answer = grafana.query({"refId": "A", "expr": "lamp_lit", "instant": True, "datasource": OF_PROMETHEUS})
    (frame,) = answer["A"]["frames"]
    assert frame["data"]["values"][1] == [0]
    (alert,) = wait_until(grafana.alerts, what="the alert", within_seconds=60)
    assert (alert["labels"]["alertname"], alert["labels"]["lamp"]) == ("LampIsOut", "louisbourg")

    lamp.lit = True

    wait_until(
        lambda: [rule["state"] for rule in grafana.rules()] == ["inactive"],
        what="the end of the alert",
        within_seconds=60,
    )


def test_a_faulty_query_is_answered_with_the_data_sources_own_words(
    start_grafana: StartGrafana, start_prometheus: StartPrometheus
) -> None:
    prometheus = start_prometheus(scraping("127.0.0.1:9"))
    grafana = start_grafana(prometheus_data_source(prometheus.url))

    answer = grafana.query({"refId": "A", "expr": "lamp_lit{", "datasource": OF_PROMETHEUS})

    assert "parse error" in answer["A"]["error"]
    with pytest.raises(httpx.HTTPStatusError, match=r"refused GET /api/dashboards/uid/lamps: 404"):
        grafana.get("/api/dashboards/uid/lamps")


def test_a_faulty_rule_keeps_grafana_from_starting_and_the_log_says_why(start_grafana: StartGrafana) -> None:
    with pytest.raises(ProgramError, match="rule has no title"):
        start_grafana(alerting=[{**LAMP_IS_OUT, "groups": [{**LAMP_IS_OUT["groups"][0], "rules": [{}]}]}])


def test_grafana_is_started_again_where_its_first_start_met_its_own_defect(
    grafana_binary: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    binary = home / "grafana"
    # The first time it leaves half a database and ends; then it is the real one.
    binary.write_text(
        "#!/bin/sh\n"
        "if [ ! -e met ]; then\n"
        "    touch met\n"
        "    mkdir data\n"
        "    echo broken > data/grafana.db\n"
        "    echo 'Error: failed to create default organization: UNIQUE constraint failed: org.id'\n"
        "    exit 1\n"
        "fi\n"
        f"exec '{grafana_binary}' server --homepath '{grafana_binary.parent}'\n",
        encoding="utf-8",
    )
    binary.chmod(0o755)
    folder = tmp_path / "grafana"
    folder.mkdir()

    with Grafana(binary, folder=folder) as grafana:
        assert grafana.get("/api/org")["id"] == 1
    assert (folder / "met").exists()
