"""One question to one name server: UDP, and TCP when the answer is cut short (RFC 1035, RFC 7766).

dnspython builds and parses the messages. The exchange is our own because its asynchronous one
costs several times as much (`benchmarks/engine.py` has both), and because A and AAAA share a
socket here, as they do in the C library.
"""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from pollwatch.probes.failure import describe
from pollwatch.probes.resolv_conf import NameServer

A = dns.rdatatype.A
AAAA = dns.rdatatype.AAAA

_MAX_DATAGRAM = 4096
"""More than the 512 bytes that an answer may have without EDNS(0)."""


class Reply(NamedTuple):
    """What a name server said about one name and type."""

    rcode: dns.rcode.Rcode
    addresses: tuple[str, ...] = ()

    @property
    def conclusive(self) -> bool:
        """Whether another server needs not be asked: there are addresses, or there are none."""
        return self.rcode in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)


Replies = dict[dns.rdatatype.RdataType, Reply]


class UnreachableServerError(Exception):
    """There is no way to a name server, or nobody listens there: the system's words for it."""


class _Question(NamedTuple):
    name: dns.name.Name
    rdtype: dns.rdatatype.RdataType
    wire: bytes
    """The query without its first two bytes, the message id."""


@lru_cache(maxsize=4096)
def _question(name: str, rdtype: dns.rdatatype.RdataType) -> _Question:
    query = dns.message.make_query(name + ".", rdtype, id=0)
    return _Question(query.question[0].name, rdtype, query.to_wire()[2:])


async def ask(
    server: NameServer, name: str, rdtypes: Iterable[dns.rdatatype.RdataType], *, patience: float
) -> Replies:
    """Ask one server for the addresses of one absolute name.

    Args:
        server: The server.
        name: ASCII, without the final dot.
        rdtypes: `A`, `AAAA` or both; they are asked at the same time.
        patience: Seconds to wait for the replies.

    Returns:
        The replies that came in time; empty when there were none.

    Raises:
        UnreachableServerError: The server cannot be asked.
        dns.exception.DNSException: The name is none (a label too long, an empty one).
        OSError: The prober cannot make a socket.
    """
    questions = {_fresh_id(): _question(name, rdtype) for rdtype in rdtypes}
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)  # noqa: FBT003 - the socket's own signature
        inquiry = _Inquiry(udp, questions)
        await inquiry.run(server, patience)
    if inquiry.error is not None and not inquiry.replies:
        raise UnreachableServerError(describe(inquiry.error))
    if inquiry.truncated:
        # A server that is slow over TCP leaves what it said over UDP.
        with contextlib.suppress(TimeoutError, OSError, EOFError):
            async with asyncio.timeout(patience):
                await _ask_over_tcp(server, inquiry)
    return inquiry.replies


class _Inquiry:
    """Questions on one connected UDP socket, whose port the kernel picks at random (RFC 5452)."""

    def __init__(self, udp: socket.socket, questions: dict[int, _Question]) -> None:
        self.questions = questions
        self.replies: Replies = {}
        self.truncated: list[int] = []
        self.error: OSError | None = None
        """Why the server cannot be asked."""
        self._udp = udp
        self._answered = asyncio.get_running_loop().create_future()

    async def run(self, server: NameServer, patience: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._udp.connect((server.address, server.port))
            for message_id, question in self.questions.items():
                self._udp.send(message_id.to_bytes(2, "big") + question.wire)
        except OSError as error:
            self.error = error
            return
        loop.add_reader(self._udp, self._on_readable)
        timer = loop.call_later(patience, self._stop)
        try:
            await self._answered
        finally:
            timer.cancel()
            loop.remove_reader(self._udp)

    def accept(self, datagram: bytes) -> None:
        """Take a message as a reply if it is one to an open question; all else is ignored (RFC 5452)."""
        message_id = int.from_bytes(datagram[:2], "big")
        question = self.questions.get(message_id)
        if question is None or question.rdtype in self.replies:
            return
        try:
            message = dns.message.from_wire(datagram, ignore_trailing=True)
        except (dns.exception.DNSException, ValueError):
            return
        if not _answers(message, question):
            return
        if message.flags & dns.flags.TC and message_id not in self.truncated:
            self.truncated.append(message_id)
        else:
            self.replies[question.rdtype] = _reply(message)

    def _on_readable(self) -> None:
        try:
            while not self._answered.done():
                self.accept(self._udp.recv(_MAX_DATAGRAM))
                if len(self.replies) + len(self.truncated) == len(self.questions):
                    self._stop()
        except BlockingIOError:
            return
        except OSError as error:  # ICMP: nobody listens there.
            self.error = error
            self._stop()

    def _stop(self) -> None:
        if not self._answered.done():
            self._answered.set_result(None)


async def _ask_over_tcp(server: NameServer, inquiry: _Inquiry) -> None:
    reader, writer = await asyncio.open_connection(server.address, server.port)
    try:
        for message_id in inquiry.truncated:
            wire = message_id.to_bytes(2, "big") + inquiry.questions[message_id].wire
            writer.write(len(wire).to_bytes(2, "big") + wire)
        for _ in inquiry.truncated:
            length = int.from_bytes(await reader.readexactly(2), "big")
            inquiry.accept(await reader.readexactly(length))
    finally:
        writer.close()


def _answers(message: dns.message.Message, question: _Question) -> bool:
    if not message.flags & dns.flags.QR or len(message.question) != 1:
        return False
    asked = message.question[0]
    return (
        asked.name == question.name and asked.rdtype == question.rdtype and asked.rdclass == dns.rdataclass.IN
    )


def _reply(message: dns.message.Message) -> Reply:
    rcode = message.rcode()
    if rcode != dns.rcode.NOERROR or not isinstance(message, dns.message.QueryMessage):
        return Reply(rcode)
    try:
        answer = message.resolve_chaining().answer
    except dns.exception.DNSException:  # A loop of CNAMEs, or a chain too long.
        return Reply(dns.rcode.SERVFAIL)
    return Reply(rcode, tuple(rdata.address for rdata in answer) if answer is not None else ())


def _fresh_id() -> int:
    return secrets.randbits(16)
