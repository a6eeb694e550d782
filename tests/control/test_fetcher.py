"""Reading the Secrets and ConfigMaps that Checks have begun to refer to."""

import asyncio
from typing import Any, cast

from pollwatch.compile.references import Reference
from pollwatch.control.cluster import Cluster, Resource
from pollwatch.control.fetcher import WORKERS, Fetcher
from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.store import Store
from pollwatch.control.work_queue import WorkQueue
from pollwatch.plan.checks import CheckKey
from tests.control.api_server import sample
from tests.control.documents import check_document, secret_document
from tests.support.clock import FakeClock, run_in_fake_time

CHECK = CheckKey("public-sites", "front-page")


class Secrets:
    """An API server that has every Secret, some of them as no API server should."""

    def __init__(self, broken: set[str]) -> None:
        self.broken = broken

    async def get(self, _resource: Resource, _namespace: str, name: str) -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"data": 7} if name in self.broken else secret_document(name)


def test_a_secret_at_which_our_code_breaks_is_tried_again_and_keeps_no_other_from_being_read() -> None:
    clock, metrics, store, recompiled = FakeClock(), ControlMetrics(), Store(), list[CheckKey]()
    broken = [Reference("Secret", "public-sites", f"broken-{number}") for number in range(WORKERS)]
    good = Reference("Secret", "public-sites", "good")
    api_server = Secrets({reference.name for reference in broken})

    async def main() -> None:
        queue = WorkQueue[Reference](random=lambda: 0.5, call_later=asyncio.get_running_loop().call_later)
        fetcher = Fetcher(
            cluster=cast("Cluster", api_server),
            store=store,
            queue=queue,
            recompile=recompiled.append,
            metrics=metrics,
        )
        store.observe_check(check_document(CHECK.name, namespace=CHECK.namespace))
        store.refer(CHECK, frozenset({*broken, good}))
        for reference in (*broken, good):
            fetcher.want(reference)
        running = asyncio.create_task(fetcher.run())
        await asyncio.sleep(0.1)
        assert recompiled == [CHECK]
        assert store.unknown(frozenset({*broken, good})) != []
        assert sample(metrics, "pollwatch_operator_reconcile_errors_total") == len(broken)
        api_server.broken.clear()
        await asyncio.sleep(10.0)
        assert store.unknown(frozenset({*broken, good})) == []
        running.cancel()
        await asyncio.wait([running])
        queue.close()

    run_in_fake_time(clock, main())
