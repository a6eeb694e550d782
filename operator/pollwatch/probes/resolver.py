"""Host names to addresses, as the C library's stub resolver does it, without a thread.

Hosts files first, then the name servers and the search list of resolv.conf. Nothing is cached: a
probe is to see what a visitor sees now, and caching is the name server's work. Only lookups of the
same name that are in flight at the same time are one.
"""

import asyncio
import secrets
from collections.abc import Iterator
from typing import Protocol

import dns.exception
import dns.rcode

from pollwatch.plan.samples import Reason
from pollwatch.probes.dns_query import AAAA, A, Replies, UnreachableServerError, ask
from pollwatch.probes.failure import ProbeError
from pollwatch.probes.hosts import HostsFiles
from pollwatch.probes.resolv_conf import NameServer, ResolverOptions


class OptionsProvider(Protocol):
    """Where the resolver's options come from."""

    def options(self) -> ResolverOptions:
        """The options as of now."""
        ...


class _Lookup:
    """One lookup in flight, and how many wait for it."""

    __slots__ = ("task", "waiting")

    def __init__(self, task: asyncio.Task[tuple[str, ...] | ProbeError]) -> None:
        self.task = task
        self.waiting = 0


class StubResolver:
    """Resolves host names; see `network.Resolver`."""

    def __init__(self, *, hosts: HostsFiles, conf: OptionsProvider) -> None:
        self._hosts = hosts
        self._conf = conf
        self._lookups: dict[str, _Lookup] = {}

    async def resolve(self, host: str) -> tuple[str, ...]:
        """Every address of a host (ASCII), IPv6 and IPv4, in the order that the server gave.

        Raises:
            ProbeError: `DNSNotFound`, `DNSFailed`, `DNSTimeout`, `ResourcesExhausted`.
        """
        name = host.lower()
        addresses = self._hosts.lookup(name.rstrip("."))
        if addresses:
            return addresses
        lookup = self._lookups.get(name)
        if lookup is None:
            task = asyncio.get_running_loop().create_task(look_up(name, self._conf.options()))
            lookup = self._lookups[name] = _Lookup(task)
        lookup.waiting += 1
        try:
            found = await asyncio.shield(lookup.task)
        finally:
            lookup.waiting -= 1
            if not lookup.waiting:
                # Whoever comes next asks anew, and is not kept waiting for an answer to an older question.
                del self._lookups[name]
                lookup.task.cancel()
        if isinstance(found, ProbeError):
            # Each waiter gets an exception of its own: a shared one would collect tracebacks.
            raise ProbeError(found.reason, found.evidence)
        return found

    async def aclose(self) -> None:
        """Give up the lookups in flight."""
        tasks = [lookup.task for lookup in self._lookups.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def look_up(host: str, options: ResolverOptions) -> tuple[str, ...] | ProbeError:
    """Try the names that a host name may stand for; the first with addresses wins."""
    failure: ProbeError | None = None
    for name in options.candidates(host):
        try:
            found = await _look_up_name(name, options)
        except (dns.exception.DNSException, UnicodeError):
            found = ProbeError(Reason.DNS_NOT_FOUND, f"{name!r} is not a domain name")
        except OSError as error:
            return ProbeError(Reason.RESOURCES_EXHAUSTED, f"cannot ask a name server: {error}")
        if not isinstance(found, ProbeError):
            return found
        # That a server failed weighs more than that a name is not there: it might have been.
        if failure is None or failure.reason is Reason.DNS_NOT_FOUND:
            failure = found
    return failure or ProbeError(Reason.DNS_NOT_FOUND, f"{host!r} is not a domain name")


async def _look_up_name(name: str, options: ResolverOptions) -> tuple[str, ...] | ProbeError:
    replies: Replies = {}
    unreachable: dict[NameServer, str] = {}
    for server in _rounds(options):
        missing = [rdtype for rdtype in (AAAA, A) if rdtype not in replies or not replies[rdtype].conclusive]
        try:
            replies.update(await ask(server, name, missing, patience=options.timeout))
        except UnreachableServerError as error:
            unreachable[server] = str(error)
            continue
        addresses = tuple(address for reply in replies.values() for address in reply.addresses)
        # One family is enough: a server that swallows AAAA questions costs one timeout, not all.
        if addresses:
            return addresses
        if any(reply.rcode == dns.rcode.NXDOMAIN for reply in replies.values()):
            return ProbeError(Reason.DNS_NOT_FOUND, f"{name}: no such name (NXDOMAIN)")
        if len(replies) == 2 and all(reply.conclusive for reply in replies.values()):  # noqa: PLR2004 - A, AAAA
            return ProbeError(Reason.DNS_NOT_FOUND, f"{name}: has neither an IPv4 nor an IPv6 address")
    refusals = sorted({reply.rcode.name for reply in replies.values() if not reply.conclusive})
    asked = ", ".join(server.address for server in options.servers)
    if refusals:
        return ProbeError(Reason.DNS_FAILED, f"{name}: {', '.join(refusals)} from {asked}")
    if unreachable.keys() >= set(options.servers):
        causes = "; ".join(f"name server {server.address}: {why}" for server, why in unreachable.items())
        return ProbeError(Reason.DNS_FAILED, f"{name}: {causes}")
    return ProbeError(Reason.DNS_TIMEOUT, f"{name}: no answer from {asked}")


def _rounds(options: ResolverOptions) -> Iterator[NameServer]:
    start = secrets.randbelow(len(options.servers)) if options.rotate else 0
    for _ in range(options.attempts):
        yield from options.servers[start:] + options.servers[:start]
