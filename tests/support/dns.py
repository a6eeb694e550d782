"""A small name server in the test's own process: UDP and TCP, answers that can be switched."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from pollwatch.probes.resolv_conf import NameServer
from tests.support.connections import Connections

_TTL = 60


@dataclass
class Zone:
    """What the server says. Names are absolute, without the final dot, in lower case."""

    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """IPv4 and IPv6 addresses by name; a name with none answers NODATA."""
    aliases: dict[str, str] = field(default_factory=dict)
    """CNAMEs; chains are followed as a recursive server does."""
    rcodes: dict[str, dns.rcode.Rcode] = field(default_factory=dict)
    """Names that get an error."""
    silent: set[tuple[str, dns.rdatatype.RdataType]] = field(default_factory=set)
    """Questions that are never answered."""
    truncate: bool = False
    """Whether UDP answers are cut short."""
    raw: bytes | None = None
    """Sent instead of an answer, after the message id."""
    delay: float = 0.0
    questions: list[tuple[str, dns.rdatatype.RdataType, str]] = field(default_factory=list)
    """Name, type and transport of every question."""

    def answer(self, wire: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.questions.append((name, question.rdtype, transport))
        if (name, question.rdtype) in self.silent:
            return None
        if self.raw is not None:
            return wire[:2] + self.raw
        response = dns.message.make_response(query, recursion_available=True)
        if name in self.rcodes:
            response.set_rcode(self.rcodes[name])
            return response.to_wire()
        if self.truncate and transport == "udp":
            response.flags |= dns.flags.TC
            return response.to_wire()
        seen: set[str] = set()
        while name in self.aliases and name not in seen:
            seen.add(name)
            target = self.aliases[name]
            response.answer.append(dns.rrset.from_text(name + ".", _TTL, "IN", "CNAME", target + "."))
            name = target
        if name in self.addresses:
            version = ":" if question.rdtype == dns.rdatatype.AAAA else "."
            found = [address for address in self.addresses[name] if version in address]
            if found:
                response.answer.append(dns.rrset.from_text(name + ".", _TTL, "IN", question.rdtype, *found))
        elif not seen:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override] # as typeshed
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._zone.answer(data, "udp")
        if answer is None or self._transport is None:
            return
        asyncio.get_running_loop().call_later(self._zone.delay, self._transport.sendto, answer, addr)


@contextlib.asynccontextmanager
async def running_name_server(zone: Zone, *, host: str = "127.0.0.1") -> AsyncIterator[NameServer]:
    """Serve a zone for the time of the block, on the same free port for UDP and TCP."""

    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                answer = zone.answer(await reader.readexactly(length), "tcp")
                if answer is not None:
                    writer.write(len(answer).to_bytes(2, "big") + answer)

    connections = Connections(over_tcp)
    tcp = await asyncio.start_server(connections, host, 0)
    port = tcp.sockets[0].getsockname()[1]
    udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Udp(zone), local_addr=(host, port)
    )
    try:
        yield NameServer(host, port)
    finally:
        udp.close()
        await connections.close(tcp)
