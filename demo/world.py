"""The world of the election night: whose sites there are, where they listen, and under which names.

The names are of RFC 2606's `.example` and are resolved with a hosts file that `World.hosts`
gives, so that the Checks read as they would for the real sites.
"""

import random
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from demo.website import Site

IMMIGRATION = "www.immigration.example"
CAPE_BRETON = "www.capebreton.example"
FERRY = "booking.capebreton.example"

IMMIGRATION_PAGE = (
    "<!doctype html><title>Immigration</title><h1>Welcome to Canada</h1><p>Apply, extend, check.\n"
)
CAPE_BRETON_PAGE = (
    "<!doctype html><title>Cape Breton</title><h1>Welcome to the island</h1><p>Ciad mile failte!\n"
)
FERRY_PAGE = "<!doctype html><title>Ferry</title><h1>Book a crossing</h1>\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the sites listen; the Checks in `manifests/samples/election-night/` name these."""

    immigration: int = 20161
    cape_breton: int = 20162
    ferry: int = 20163


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The loopback addresses of each site."""

    immigration: tuple[str, ...]
    cape_breton: tuple[str, ...]


LINUX = Addresses(
    immigration=("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"),
    cape_breton=("127.0.0.6",),
)
"""All of 127.0.0.0/8 is the machine itself."""


def can_listen(address: str) -> bool:
    """Whether this machine lets a server listen on `address`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def local_addresses() -> Addresses:
    """Find the addresses for the sites: Linux's, or where 127.0.0.2 is unknown (macOS) ::1 and 127.0.0.1."""
    if can_listen(LINUX.immigration[0]):
        return LINUX
    both = tuple(address for address in ("::1", "127.0.0.1") if can_listen(address))
    return Addresses(immigration=both, cape_breton=("127.0.0.1",))


class World:
    """The sites of the night: an async context manager that opens and closes them.

    Args:
        addresses: Where the sites listen; by default what this machine offers.
        ports: Their ports.
        rng: Where the jitter of the latencies comes from.
    """

    def __init__(
        self,
        addresses: Addresses | None = None,
        *,
        ports: Ports | None = None,
        rng: random.Random | None = None,
    ) -> None:
        addresses = addresses or local_addresses()
        ports = ports or Ports()
        rng = rng or random.Random(2016)  # noqa: S311 - jitter, no secret
        self.immigration = Site(
            IMMIGRATION, addresses.immigration, ports.immigration, page=IMMIGRATION_PAGE, rng=rng
        )
        self.cape_breton = Site(
            CAPE_BRETON, addresses.cape_breton, ports.cape_breton, page=CAPE_BRETON_PAGE, rng=rng
        )
        self.ferry = Site(FERRY, addresses.cape_breton, ports.ferry, page=FERRY_PAGE, rng=rng)

    @property
    def sites(self) -> Sequence[Site]:
        """All sites."""
        return (self.immigration, self.cape_breton, self.ferry)

    def hosts(self) -> str:
        """Write the sites' names as a hosts file (hosts(5))."""
        return "".join(f"{address}\t{site.name}\n" for site in self.sites for address in site.addresses)

    async def __aenter__(self) -> Self:
        """Open every site.

        Raises:
            PortTakenError: A port is in use; what was opened before is closed again.
        """
        try:
            for site in self.sites:
                await site.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every site."""
        await self._close()

    async def _close(self) -> None:
        for site in self.sites:
            await site.stop()
