"""An API server that answers as the test says: for what a real one does too seldom."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kubernetes.aio.client import Configuration

from pollwatch.control.cluster import Cluster
from pollwatch.control.credentials import Credentials
from pollwatch.control.metrics import ControlMetrics
from pollwatch.plan.clock import SystemClock
from tests.support.sites import Answer, Site, running_site


def json_answer(document: Any, status: int = 200, **headers: str) -> Answer:
    """An answer with a JSON document."""
    fields = (("Content-Type", "application/json"), *headers.items())
    return Answer(body=json.dumps(document).encode(), status=status, headers=fields)


def refusal(status: int, message: str = "no", **headers: str) -> Answer:
    """A `metav1.Status` that says no."""
    document = {"kind": "Status", "status": "Failure", "message": message, "code": status}
    return json_answer(document, status, **headers)


@asynccontextmanager
async def scripted_cluster(metrics: ControlMetrics) -> AsyncIterator[tuple[Cluster, Site]]:
    """A client, and the site that plays its API server."""
    async with running_site() as site:
        configuration = Configuration(host=site.url.rstrip("/"))
        cluster = Cluster(
            Credentials(configuration, "the test", clock=SystemClock()), metrics=metrics, clock=SystemClock()
        )
        try:
            yield cluster, site
        finally:
            await cluster.close()


def sample(metrics: ControlMetrics, name: str, **labels: str) -> float:
    """The value of an exposed series; 0 when it is not there."""
    return metrics.registry.get_sample_value(name, labels) or 0.0
