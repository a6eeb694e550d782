"""The whole story on real parts: API server, operator under its own rights, Prometheus, an alert."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from demo.world import Ports, World
from pollwatch.alerting.check_rules import rules_of_check
from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.alerting.prometheus import rule_file
from pollwatch.api.check import parse_check
from tests.cluster.controlplane import ControlPlane
from tests.cluster.fixtures import StartPrometheus
from tests.cluster.prometheus import Prometheus, scraping
from tests.cluster.waiting import wait_until
from tests.control.conftest import Checks, StartOperator
from tests.support.ports import free_port

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"
PATIENCE = 60.0


class Stage:
    """The world of the demo in a thread of its own, for a test that is not asynchronous."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.world = world
        self.immigration = world.immigration

    def break_one(self) -> str:
        """Have the last server answer `500 - Internal server error`; return its address."""
        address = self.immigration.addresses[-1]
        self._loop.call_soon_threadsafe(self.immigration.break_server, address)
        return address

    def restore(self) -> None:
        self._loop.call_soon_threadsafe(self.immigration.mend)


@contextmanager
def staged(ports: Ports) -> Iterator[Stage]:
    """Open the sites for the time of the block."""
    world = World(ports=ports)
    loop = asyncio.new_event_loop()
    opened, ended = threading.Event(), asyncio.Event()

    async def play() -> None:
        async with world:
            opened.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(play()), name="world")
    thread.start()
    try:
        assert opened.wait(PATIENCE)
        yield Stage(world, loop)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(PATIENCE)
        loop.close()


def election_night_checks(ports: Ports, namespace: str) -> list[dict[str, Any]]:
    """The very files that users apply; only ports and namespace are the test's own."""
    text = "\n---\n".join(
        path.read_text(encoding="utf-8") for path in sorted((SAMPLES / "election-night").glob("*.yaml"))
    )
    default = Ports()
    for was, port in (
        (default.immigration, ports.immigration),
        (default.cape_breton, ports.cape_breton),
        (default.ferry, ports.ferry),
    ):
        text = text.replace(f".example:{was}", f".example:{port}")
    documents = [document for document in yaml.safe_load_all(text) if document]
    for document in documents:
        document["metadata"]["namespace"] = namespace
    return documents


def impatient_rules(checks: list[dict[str, Any]]) -> dict[str, Any]:
    """The rules of Checks, without the minutes that they wait before they fire and before they end."""
    groups = filter(None, (rules_of_check(parse_check(check), AlertDefaults()) for check in checks))
    rules = rule_file(replace(group, interval_seconds=1) for group in groups)
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["for"] = "2s"
            rule.pop("keep_firing_for", None)
    return rules


def firing(prometheus: Prometheus, alert: str, check: str) -> list[dict[str, Any]]:
    return [
        found
        for found in prometheus.alerts()
        if found["labels"]["alertname"] == alert
        and found["labels"].get("check") == check
        and found["state"] == "firing"
    ]


def test_one_failing_backend_is_degraded_in_status_series_and_alert_and_then_all_of_it_clears(
    cluster: ControlPlane,
    checks: Checks,
    start_operator: StartOperator,
    start_prometheus: StartPrometheus,
    tmp_path: Path,
) -> None:
    ports = Ports(immigration=free_port(), cape_breton=free_port(), ferry=free_port())
    with staged(ports) as stage:
        hosts = tmp_path / "hosts"
        hosts.write_text(stage.world.hosts(), encoding="utf-8")
        documents = election_night_checks(ports, checks.namespace)
        cluster.admin.apply(documents)
        operator = start_operator("--hosts", str(hosts), "--namespace", checks.namespace)
        prometheus = start_prometheus(
            scraping(operator.url.removeprefix("http://"), honor_labels=True), impatient_rules(documents)
        )
        check, addresses = "immigration-front-page", stage.immigration.addresses

        status = checks.wait_verdict(check, "Up")
        assert status["targets"]["total"] == status["targets"]["up"] == len(addresses)
        selector = f'{{namespace="{checks.namespace}", check="{check}"}}'
        wait_until(
            lambda: len(prometheus.query(f"probe_success{selector} == 1")) == len(addresses),
            what="every address to be scraped as healthy",
            within_seconds=PATIENCE,
        )
        assert not firing(prometheus, "CheckDegraded", check)

        broken = stage.break_one()

        status = checks.wait_verdict(check, "Degraded")
        assert status["targets"]["up"] == len(addresses) - 1
        assert status["reason"] == "UnexpectedStatus"
        failing = wait_until(
            lambda: prometheus.query(f"probe_success{selector} == 0"),
            what="the broken backend to be scraped",
            within_seconds=PATIENCE,
        )
        assert [series.labels["address"] for series in failing] == [broken]
        (alert,) = wait_until(
            lambda: firing(prometheus, "CheckDegraded", check),
            what="the alert to fire",
            within_seconds=PATIENCE,
        )
        assert alert["annotations"]["summary"].startswith(f"{checks.namespace}/{check} fails for some people")
        assert f"UnexpectedStatus at {broken};" in alert["annotations"]["failing"]
        assert checks.verdict("cape-breton-front-page") == "Up"
        event = checks.wait_event(check, "Degraded")
        assert event["type"] == "Warning"
        assert broken in event["note"]
        assert "500" in event["note"]

        stage.restore()

        status = checks.wait_verdict(check, "Up")
        assert status["targets"]["up"] == len(addresses)
        wait_until(
            lambda: not firing(prometheus, "CheckDegraded", check),
            what="the alert to clear",
            within_seconds=PATIENCE,
        )
        failures = prometheus.query(f"sum by (reason) (pollwatch_probe_failures_total{selector})")
        assert {series.labels["reason"] for series in failures} == {"UnexpectedStatus"}
