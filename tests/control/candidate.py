"""A candidate in a process of its own. As leader it writes a status and a Secret, and never looks back.

Run as `python -m tests.control.candidate KUBECONFIG NAMESPACE NAME`; what happens is told in lines of
JSON on standard output.
"""

import asyncio
import json
import signal
import sys
import time
from typing import Any

from pollwatch.control.cluster import CHECKS, SECRETS, Cluster, RefusedError, Resource
from pollwatch.control.credentials import load_credentials
from pollwatch.control.election import Election
from pollwatch.control.metrics import ControlMetrics
from pollwatch.plan.clock import SystemClock

OBJECT = "contested"
"""Name of the Check and of the Secret that leaders write."""


def say(event: str, **details: Any) -> None:
    """Tell what happened, and when."""
    sys.stdout.write(json.dumps({"event": event, "at": time.time(), **details}) + "\n")
    sys.stdout.flush()


class Writer:
    """Writes one object with the version that it saw last as a precondition, as a leader does."""

    def __init__(self, cluster: Cluster, resource: Resource, namespace: str) -> None:
        self._cluster = cluster
        self._resource = resource
        self._namespace = namespace
        self._metadata: dict[str, str] = {}

    async def read(self) -> None:
        """See the object."""
        self._saw(await self._cluster.get(self._resource, self._namespace, OBJECT))

    async def write(self, number: int) -> int:
        """Write it once; return the status code."""
        subresource = "status" if self._resource is CHECKS else ""
        content = {"status": {"address": str(number)}} if subresource else {"stringData": {"n": str(number)}}
        try:
            self._saw(
                await self._cluster.patch(
                    self._resource,
                    self._namespace,
                    OBJECT,
                    {"metadata": self._metadata, **content},
                    subresource=subresource,
                )
            )
        except RefusedError as error:
            return error.code
        return 200

    def _saw(self, document: dict[str, Any]) -> None:
        metadata = document["metadata"]
        self._metadata = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}


async def main(kubeconfig: str, namespace: str, name: str) -> None:
    """Stand for election until told to stop."""
    clock, metrics = SystemClock(), ControlMetrics()
    credentials = await load_credentials(kubeconfig, clock=clock)
    cluster = Cluster(credentials, metrics=metrics, clock=clock)
    election = Election(
        credentials=credentials, namespace=namespace, identity=name, metrics=metrics, clock=clock
    )
    writers = [Writer(cluster, resource, namespace) for resource in (CHECKS, SECRETS)]
    stubborn: list[asyncio.Task[None]] = []

    async def keep_writing() -> None:
        for writer in writers:
            await writer.read()
        number = 0
        while True:
            number += 1
            codes = [await writer.write(number) for writer in writers]
            say("written", codes=codes, leading=election.leading)
            await asyncio.sleep(0.2)

    async def lead() -> None:
        say("leading")
        stubborn.append(asyncio.create_task(keep_writing()))
        try:
            await asyncio.Event().wait()
        finally:
            say("not leading")

    running = asyncio.create_task(election.run(lead))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    say("started")
    await asyncio.wait([running])
    for task in stubborn:
        task.cancel()
    if stubborn:
        await asyncio.wait(stubborn)
    await cluster.close()
    say("stopped")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
