"""A real Prometheus on loopback, and promtool."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import yaml

from tests.cluster.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One series of an instant query's answer.

    Attributes:
        labels: With `__name__` where the expression keeps it.
        value: As a float; `nan` and infinities too.
    """

    labels: Mapping[str, str]
    value: float


def scraping(*targets: str, every: str = "1s", **scrape_settings: Any) -> dict[str, Any]:
    """A configuration that scrapes `HOST:PORT` targets and evaluates rules at the same pace.

    Args:
        targets: All in one job, `pollwatch`.
        every: Scrape and evaluation interval, as Prometheus writes durations.
        scrape_settings: More fields of the `scrape_config`, such as `honor_labels=True`.
    """
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "scrape_configs": [
            {"job_name": "pollwatch", "static_configs": [{"targets": list(targets)}], **scrape_settings}
        ],
    }


def alerting_to(url: str) -> dict[str, Any]:
    """The field `alerting` of a configuration: an Alertmanager by its URL."""
    return {"alertmanagers": [{"static_configs": [{"targets": [url.removeprefix("http://")]}]}]}


class PrometheusApi:
    """What a Prometheus answers.

    Attributes:
        url: `http://HOST:PORT`.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> list[Sample]:
        """The answer of an instant query that yields a vector, as of now."""
        answer = self.get("/api/v1/query", query=expression)
        return [
            Sample(labels=series["metric"], value=float(series["value"][1])) for series in answer["result"]
        ]

    def alerts(self) -> list[dict[str, Any]]:
        """All pending and firing alerts, as the API has them: `labels`, `annotations`, `state`, ..."""
        return list(self.get("/api/v1/alerts")["alerts"])

    def targets(self) -> list[dict[str, Any]]:
        """All active targets, as the API has them: `labels`, `health`, `lastError`, ..."""
        return list(self.get("/api/v1/targets", state="active")["activeTargets"])

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """The data of an answer.

        Raises:
            ValueError: Prometheus refused, in its own words.
        """
        with httpx.Client(base_url=self.url, timeout=30.0, trust_env=False) as http:
            answer = http.get(path, params=parameters).json()
        if answer["status"] != "success":
            raise ValueError(f"Prometheus refused {path} {parameters}: {answer['error']}")
        return dict(answer["data"])


class Prometheus(Server, PrometheusApi):
    """One Prometheus server on 127.0.0.1.

    Its first scrape comes 5 s after the start: that is how often its discovery hands on targets.
    """

    def __init__(
        self,
        binary: Path,
        *,
        folder: Path,
        configuration: Mapping[str, Any],
        rules: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Prepare one; nothing runs before `start`, which fails where configuration or rules are at fault.

        Args:
            binary: The program, version 2 or 3.
            folder: An empty folder for the configuration, the data and the log `prometheus.log`.
            configuration: The configuration file as a document; see `scraping`.
            rules: The documents of rule files (`{"groups": [...]}`), which it loads.
        """
        super().__init__(
            "prometheus",
            [
                binary,
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                # It chooses a free port, and says in its log which.
                "--web.listen-address=127.0.0.1:0",
            ],
            folder=folder,
            # Version 3 writes `component=web` in between, version 2 before it.
            listening=r'msg="Listening on".* address=(127\.0\.0\.1:\d+)',
        )
        rule_files = []
        for number, document in enumerate(rules):
            path = folder / f"rules-{number}.yaml"
            path.write_text(yaml.safe_dump(dict(document)), encoding="utf-8")
            rule_files.append(str(path))
        text = yaml.safe_dump({**configuration, "rule_files": rule_files})
        (folder / "prometheus.yaml").write_text(text, encoding="utf-8")


def promtool_check_metrics(promtool: Path, exposition: str | bytes) -> list[str]:
    """What `promtool check metrics` has against a text exposition: a line each, none when it is clean."""
    text = exposition.encode() if isinstance(exposition, str) else exposition
    answer = subprocess.run(
        [promtool, "check", "metrics"],
        input=text,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines = answer.stdout.decode(errors="replace").splitlines()
    if answer.returncode != 0 and not lines:
        return [f"promtool ended with exit code {answer.returncode}"]
    return lines
