"""A site with several servers, its hosts file, and Checks for it."""

import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from demo.website import Site
from demo.world import local_addresses
from tests.support.ports import free_port

NAME = "www.site.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A site that is open, and how to reach it."""

    site: Site
    hosts: Path
    url: str

    def check(self, name: str = "front-page", *, resolve: str = "EachAddress", **spec: object) -> str:
        """Write a Check of the site as YAML; `spec` holds more fields of it."""
        more = "".join(f"  {field}: {value}\n" for field, value in spec.items())
        return (
            "apiVersion: pollwatch.dev/v1alpha1\n"
            "kind: Check\n"
            f"metadata: {{name: {name}, namespace: public-sites}}\n"
            f"spec:\n  periodSeconds: 1\n  timeoutSeconds: 1\n{more}"
            f"  http:\n    url: {self.url}\n    resolve: {resolve}\n"
        )


@contextlib.asynccontextmanager
async def open_site(folder: Path) -> AsyncIterator[Place]:
    """Open a site at the machine's loopback addresses, on a free port; its hosts file is in `folder`."""
    addresses = local_addresses().immigration
    port = free_port(addresses[0])
    site = Site(NAME, addresses, port, page="Welcome\n", rng=random.Random(1), latency=0.0)  # noqa: S311 - jitter
    hosts = folder / "hosts"
    hosts.write_text("".join(f"{address} {NAME}\n" for address in addresses))
    await site.start()
    try:
        yield Place(site=site, hosts=hosts, url=f"http://{NAME}:{port}/")
    finally:
        await site.stop()
