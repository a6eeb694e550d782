"""One connection: bytes out, bytes in, with TLS between them when asked for.

TLS runs over `ssl.MemoryBIO` inside the protocol, not through the event loop's own: fewer system
calls, and the end of the handshake is seen when it happens. Phases change in the callbacks, where
the bytes arrive, and not when the probe's task gets to run.
"""

import asyncio
import errno
import ssl
from typing import Protocol, cast

from pollwatch.plan.clock import Clock
from pollwatch.plan.samples import Reason, TlsFacts
from pollwatch.probes.failure import ProbeError, describe
from pollwatch.probes.tls import broken_stream, facts, handshake_error
from pollwatch.probes.tracing import Phase, Trace

_RECORD = 1 << 16
"""How much is read of the TLS layer at once; a record holds at most 16 KiB."""
_MAX_EARLY = 1 << 16
"""How much a peer may say before it is asked."""
_NO_BIO = ssl.MemoryBIO()
"""Stands for "no TLS": always empty."""


class Receiver(Protocol):
    """Who takes the answer."""

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; return whether the answer is whole.

        Raises:
            ProbeError: The answer is not as it must be.
        """
        ...

    def eof(self) -> None:
        """Learn that no more bytes will come, before `feed` said that the answer is whole.

        Raises:
            ProbeError: The answer is not whole.
        """
        ...


class Wire(asyncio.Protocol):
    """A connection, used once: `secure` if need be, then `exchange`, then `close`."""

    __slots__ = (
        "_cause",
        "_clock",
        "_early",
        "_incoming",
        "_lost",
        "_outgoing",
        "_receiver",
        "_secured",
        "_server_name",
        "_step",
        "_tls",
        "_trace",
        "_transport",
    )

    def __init__(self, clock: Clock, trace: Trace) -> None:
        self._clock = clock
        self._trace = trace
        self._transport: asyncio.Transport | None = None
        self._lost = False
        self._cause: Exception | None = None
        self._step: asyncio.Future[None] | None = None
        self._receiver: Receiver | None = None
        self._early = b""
        self._tls: ssl.SSLObject | None = None
        self._incoming = self._outgoing = _NO_BIO
        self._server_name = ""
        self._secured = False

    # What a probe calls

    async def secure(self, context: ssl.SSLContext, server_name: str) -> TlsFacts:
        """Do the TLS handshake, and verify the server's certificate if the context says so.

        Args:
            context: Made by `tls.client_context`.
            server_name: For SNI and for verification; an IP address is verified, and not sent.

        Raises:
            ProbeError: `TLSFailed`, `Certificate...` or `ConnectionReset`.
        """
        self._trace.enter(Phase.TLS, self._clock.monotonic())
        step = self._begin_step()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._server_name = server_name
        tls = self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._advance(self._take_early())
        self._end_if_lost()
        await step
        return facts(tls)

    async def exchange(self, request: bytes, receiver: Receiver) -> None:
        """Send a request, and feed the answer to a receiver until it has it whole.

        Raises:
            ProbeError: What the receiver raises; `ConnectionReset`, `ConnectionClosed`, `TLSFailed`.
        """
        self._trace.enter(Phase.PROCESSING, self._clock.monotonic())
        step = self._begin_step()
        self._receiver = receiver
        if self._tls is None:
            self._write(request)
        else:
            self._tls.write(request)
            self._flush()
        if self._early or self._incoming.pending:
            self._advance(self._take_early())
        self._end_if_lost()
        await step

    def close(self) -> None:
        """End the connection. TLS ends without `close_notify`: the answer is whole, or lost anyhow."""
        transport, self._transport = self._transport, None
        if transport is not None:
            if self._tls is not None and not self._secured:
                transport.close()  # Lets the alert out.
            else:
                transport.abort()
        # Wire, TLS and receiver refer to each other; without the cycles their memory goes at once.
        self._tls = self._receiver = self._step = None
        self._incoming = self._outgoing = _NO_BIO
        self._early = b""

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; see `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes; see `asyncio.Protocol`."""
        if self._receiver is not None or (self._tls is not None and not self._secured):
            self._advance(data)
        elif len(self._early) < _MAX_EARLY:
            self._early += data
        elif self._transport is not None:
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Learn that the peer sends no more; see `asyncio.Protocol`."""
        if self._tls is None:
            self._answer_ended()
            return
        # The end of the TCP stream is not the end of a TLS stream: anyone on the way can send it
        # (RFC 9112, section 9.8). That the connection is lost is said next.

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that the connection is gone; see `asyncio.Protocol`."""
        self._transport = None
        self._lost = True
        self._cause = exc
        self._end_if_lost()

    # Between the two

    def _begin_step(self) -> asyncio.Future[None]:
        self._step = asyncio.get_running_loop().create_future()
        return self._step

    def _end(self, error: Exception | None) -> None:
        """End the step that the probe waits for; later ends of it say nothing new."""
        step = self._step
        if step is None or step.done():
            return
        self._receiver = None
        if error is None:
            step.set_result(None)
        else:
            step.set_exception(error)

    def _end_if_lost(self) -> None:
        step = self._step
        if self._lost and step is not None and not step.done():
            self._end(_closed(self._trace) if self._cause is None else _lost(self._cause, self._trace))

    def _advance(self, data: bytes) -> None:
        """Take bytes through the TLS layer if there is one, to the receiver if there is one."""
        try:
            if self._tls is None:
                self._deliver(data)
                return
            self._incoming.write(data)
            if self._secured:
                self._decrypt(self._tls)
            else:
                self._handshake(self._tls)
        except Exception as error:  # noqa: BLE001 - it belongs to the probe that waits, not to the event loop
            self._end(error)

    def _handshake(self, tls: ssl.SSLObject) -> None:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            self._flush()  # The alert tells the server's side what we thought of it.
            raise handshake_error(error, self._server_name) from None
        else:
            self._flush()
            self._secured = True
            self._end(None)

    def _decrypt(self, tls: ssl.SSLObject) -> None:
        try:
            while self._receiver is not None:
                data = tls.read(_RECORD)
                if data:
                    self._deliver(data)
                else:  # close_notify
                    self._answer_ended()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            raise broken_stream(error) from None

    def _deliver(self, data: bytes) -> None:
        receiver = self._receiver
        if receiver is None:
            return
        if self._trace.phase is Phase.PROCESSING:
            self._trace.enter(Phase.TRANSFER, self._clock.monotonic())
        if receiver.feed(data):
            self._trace.leave(self._clock.monotonic())
            self._end(None)

    def _answer_ended(self) -> None:
        if self._receiver is None:
            return  # Nothing is expected; whoever expects something next hears that the connection is lost.
        try:
            self._receiver.eof()
        except ProbeError as error:
            self._end(error)
        else:
            self._end(None)

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._write(self._outgoing.read())

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _take_early(self) -> bytes:
        early, self._early = self._early, b""
        return early


def _closed(trace: Trace) -> ProbeError:
    reason = Reason.TLS_FAILED if trace.phase is Phase.TLS else Reason.CONNECTION_CLOSED
    return ProbeError(reason, f"the server closed the connection {_when(trace)}")


def _lost(error: Exception, trace: Trace) -> ProbeError:
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        if error.errno == errno.ETIMEDOUT:
            return ProbeError(Reason.RESPONSE_TIMEOUT, f"connection timed out {_when(trace)}")
        return ProbeError(Reason.CONNECTION_RESET, f"connection lost {_when(trace)}: {describe(error)}")
    return ProbeError(Reason.CONNECTION_RESET, f"the server reset the connection {_when(trace)}")


def _when(trace: Trace) -> str:
    if trace.phase is Phase.TLS:
        return "during the TLS handshake"
    return "in the middle of its answer" if trace.phase is Phase.TRANSFER else "before it answered"
