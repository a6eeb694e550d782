"""The dashboards over an operator and its pools: a real Grafana, a real Prometheus, real processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.alerting.dashboards.boards import FOLDER
from tests.alerting.dashboards.shown import Shown
from tests.cluster.grafana import prometheus_data_source
from tests.cluster.prometheus import scraping
from tests.cluster.waiting import wait_until
from tests.control.conftest import EXAMPLE_HOST
from tests.support.counting_site import HOSTS

if TYPE_CHECKING:
    from tests.cluster.fixtures import StartGrafana, StartPrometheus
    from tests.cluster.processes.local_node import LocalNode
    from tests.control.conftest import Checks, StartOperator
    from tests.control.operators import RunningOperator
    from tests.control.pool_stage import Pools
    from tests.support.counting_site import CountingSite

LOCATIONS = {"east": "halifax", "west": "vancouver"}


def scraping_all(operator: RunningOperator, node: LocalNode) -> dict[str, Any]:
    """Scrape the operator and all workers; those have the labels that a PodMonitor gives them."""
    workers = [
        {
            "targets": [urlsplit(pod.url).netloc],
            "labels": {"pod": name, "pool": pod.pod["metadata"]["labels"]["pollwatch.dev/pool"]},
        }
        for name, pod in node.pods().items()
    ]
    configuration = scraping(urlsplit(operator.url).netloc, honor_labels=True)
    (job,) = configuration["scrape_configs"]
    configuration["scrape_configs"].append({**job, "job_name": "workers", "static_configs": workers})
    return configuration


@pytest.mark.timeout(300)
def test_dashboards_show_pools_by_name_and_location_and_how_pollwatch_itself_is(
    start_pooled: StartOperator,
    pools: Pools,
    checks: Checks,
    counted: CountingSite,
    node: LocalNode,
    start_prometheus: StartPrometheus,
    start_grafana: StartGrafana,
) -> None:
    for name, location in LOCATIONS.items():
        pools.create(name, replicas=2 if name == "east" else 1, labels={"location": location})
    url = f"http://{EXAMPLE_HOST}:{counted.port}/"
    checks.create("front-page", pools=[*LOCATIONS], http={"url": url, "resolve": "EachAddress"})
    for number in range(2):
        checks.create(f"east-only-{number}", pool="east", http={"url": counted.url("/well")})
    counted.answer(500, "/", host=HOSTS[2])
    operator = start_pooled()
    checks.wait_verdict("front-page", "Degraded")
    pools.wait_ready("east")

    prometheus = start_prometheus(scraping_all(operator, node))
    wait_until(
        lambda: len(prometheus.query("count_over_time(pollwatch_build_info[1m]) >= 5")) == 4,
        what="some scrapes of operator and workers",
    )
    # A new Check is pushed to its worker.
    checks.create("east-only-2", pool="east", http={"url": counted.url("/well")})
    checks.wait_verdict("east-only-2", "Up")
    # A worker that dies and comes back is trouble that is to be seen.
    node.kill("probepool-west-0-0")
    wait_until(
        lambda: prometheus.query("pollwatch_operator_worker_restarts_total > 0"), what="a restart to be seen"
    )
    wait_until(
        lambda: prometheus.query('changes(process_start_time_seconds{pool="west"}[1m]) > 0'),
        what="the worker to be scraped again",
    )
    grafana = start_grafana(prometheus_data_source(prometheus.url), dashboards=FOLDER)

    own = Shown(grafana, "self.json").all()
    assert {query: answer.error for query, answer in own.items() if answer.error} == {}
    assert [query for query, answer in own.items() if not answer.rows] == []
    assert own["Operators that lead A"].rows[0].value == 1
    assert own["Processes scraped A"].rows[0].value == 4
    assert own["Feed lag by worker A"].by("pool", "worker").keys() == {
        "east east-0",
        "east east-1",
        "west west-0",
    }
    trouble = own["Trouble with feeds A"].by("kind", "worker")
    assert "restarts west-0" in trouble
    east = Shown(grafana, "self.json", pool="east").panel("Checks by worker")["A"].by("pod")
    assert east.keys() == {"probepool-east-0-0", "probepool-east-1-0"}
    assert sum(value or 0 for value in east.values()) == 4

    overview = Shown(grafana, "overview.json")
    # The Check of both pools is one Check, and a row for each pool that sees it.
    down, degraded, unknown, up = (answer.rows[0].value for answer in overview.panel("Checks").values())
    assert (down, degraded, unknown, up) == (0, 1, 0, 3)
    assert overview.panel("Not Up")["A"].by("check", "pool") == {"front-page east": 2, "front-page west": 2}
    by_location = overview.panel("By pool and location")
    assert by_location["B"].by("pool", "location") == {"east halifax": 1, "west vancouver": 1}
    assert by_location["D"].by("pool", "location") == {"east halifax": 3, "west vancouver": 0}
    one = Shown(grafana, "overview.json", pool="west").panel("Every Check")["A"]
    assert one.by("check", "pool") == {"front-page west": 2}

    check = Shown(grafana, "check.json", namespace=checks.namespace, check="front-page")
    assert check.panel("Verdict by pool")["A"].by("pool") == {"east": 2, "west": 2}
    outcomes = check.panel("Addresses")["A"].by("pool", "address")
    assert outcomes == {f"{pool} {host}": int(host != HOSTS[2]) for pool in LOCATIONS for host in HOSTS}
