"""What the client makes of answers."""

import pytest

from pollwatch.control.cluster import CHECKS, RefusedError
from pollwatch.control.metrics import ControlMetrics
from tests.control.api_server import scripted_cluster
from tests.support.sites import Answer


async def test_a_status_code_that_nobody_knows_without_a_word_is_a_refusal_like_others() -> None:
    async with scripted_cluster(ControlMetrics()) as (cluster, site):
        # A load balancer in front of the API server has codes of its own.
        site.answer = Answer(status=561, body=b"")
        with pytest.raises(RefusedError, match="HTTP 561: without a word") as caught:
            await cluster.get(CHECKS, "public-sites", "front-page")
        assert caught.value.retriable
