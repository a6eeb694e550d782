"""From a host name to a connection: the phases `resolve` and `connect`.

Several addresses are raced as RFC 8305 (Happy Eyeballs) has it: the families take turns, IPv6
first; the next attempt starts when the one before it failed, or has not succeeded in 250 ms.

Every connection of every probe is made here, to an address that the network's egress policy has
judged: that very address, not the name that led to it, nor one it had a moment ago.
"""

import asyncio
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import NamedTuple

from pollwatch.plan.egress import EgressPolicy
from pollwatch.plan.samples import Reason
from pollwatch.probes.failure import ProbeError, connect_error
from pollwatch.probes.network import Network
from pollwatch.probes.tracing import Phase, Trace
from pollwatch.probes.wire import Wire

ATTEMPT_DELAY = 0.25
"""RFC 8305, section 5: seconds before the next address is tried beside the one under way."""


def is_address(host: str) -> bool:
    """Whether a host is an IP address literal (an IPv6 one without brackets)."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except (OSError, ValueError):  # ValueError: a NUL
        return False
    return True


async def dial(
    host: str, port: int, *, network: Network, trace: Trace, pinned: str | None = None, own: bool = True
) -> Wire:
    """Resolve and connect.

    Args:
        host: ASCII host name or address literal.
        port: TCP port.
        network: The way out, and where it may lead.
        trace: Where phases, `address` and `resolved` are recorded.
        pinned: The one address to connect to; the name is resolved all the same.
        own: Whether this is the Check's own host, whose addresses make `resolved`.

    Returns:
        A connected wire. The caller closes it.

    Raises:
        ProbeError: The name has no address, or none of the addresses could be connected to;
            `EgressDenied` when none of them may be.
    """
    clock = network.clock
    addresses: tuple[str, ...] = (host,)
    if not is_address(host):
        trace.enter(Phase.RESOLVE, clock.monotonic())
        addresses = await network.resolver.resolve(host)
    if own:
        trace.resolved = addresses if len(addresses) == 1 else tuple(sorted(set(addresses)))
    if pinned is not None:
        addresses = (pinned,)
    permitted = _permitted(addresses, host, port, network.egress)
    trace.enter(Phase.CONNECT, clock.monotonic())
    if len(permitted) == 1:
        connected = await _connect(permitted[0], port, network, trace)
    else:
        connected = await _race(in_turns(permitted), port, network, trace)
    trace.address = connected.address
    return connected.wire


def _permitted(addresses: Sequence[str], host: str, port: int, egress: EgressPolicy) -> list[str]:
    """Those of the addresses that may be connected to: at least one."""
    refusals: list[str] = []
    permitted: list[str] = []
    for address in addresses:
        refusal = egress.refusal(host, address, port)
        if refusal is None:
            permitted.append(address)
        else:
            refusals.append(refusal)
    if not permitted:
        others = f" (and so are {len(refusals) - 1} more addresses)" if len(refusals) > 1 else ""
        raise ProbeError(Reason.EGRESS_DENIED, refusals[0] + others)
    return permitted


def in_turns(addresses: Sequence[str]) -> list[str]:
    """Let the address families take turns, IPv6 first; within one, the given order stays."""
    v6 = [address for address in addresses if ":" in address]
    v4 = [address for address in addresses if ":" not in address]
    return [address for address in chain.from_iterable(zip_longest(v6, v4)) if address is not None]


class _Connected(NamedTuple):
    wire: Wire
    address: str


async def _connect(address: str, port: int, network: Network, trace: Trace) -> _Connected:
    wire = Wire(network.clock, trace)
    try:
        await network.connector.connect(address, port, wire)
    except OSError as error:
        raise connect_error(error, place(address, port)) from None
    return _Connected(wire, address)


async def _race(addresses: Sequence[str], port: int, network: Network, trace: Trace) -> _Connected:
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[_Connected]] = set()
    failures: list[ProbeError] = []
    untried = iter(addresses)
    address = next(untried, None)
    try:
        while address is not None or running:
            if address is not None:
                running.add(loop.create_task(_connect(address, port, network, trace)))
                address = next(untried, None)
            await asyncio.wait(
                running,
                timeout=None if address is None else ATTEMPT_DELAY,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for attempt in [attempt for attempt in running if attempt.done()]:
                running.discard(attempt)
                try:
                    return attempt.result()
                except ProbeError as failure:
                    failures.append(failure)
    finally:
        for attempt in running:
            attempt.cancel()
            attempt.add_done_callback(_close_loser)
    raise _summary(failures)


def _close_loser(attempt: asyncio.Task[_Connected]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().wire.close()


def _summary(failures: Sequence[ProbeError]) -> ProbeError:
    """One failure for all addresses; a reason that speaks of the host goes before "no way there"."""
    telling = next((f for f in failures if f.reason is not Reason.CONNECT_FAILED), failures[0])
    return ProbeError(telling.reason, "; ".join(failure.evidence for failure in failures))


def place(address: str, port: int) -> str:
    """An address and a port, for people: `192.0.2.1:80`, `[2001:db8::1]:80`."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
