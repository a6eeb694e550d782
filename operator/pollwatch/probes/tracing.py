"""What a probe has found so far, and where its time went."""

from enum import IntEnum

from pollwatch.plan.samples import HttpFacts, Phases, Reason, TlsFacts


class Phase(IntEnum):
    """The part that a probe is in; in the order of `Phases`."""

    RESOLVE = 0
    CONNECT = 1
    TLS = 2
    PROCESSING = 3
    TRANSFER = 4

    @property
    def timeout_reason(self) -> Reason:
        """Why a sample failed whose deadline passed in this phase."""
        return _TIMEOUTS[self]


_TIMEOUTS = (
    Reason.DNS_TIMEOUT,
    Reason.CONNECT_TIMEOUT,
    Reason.TLS_TIMEOUT,
    Reason.RESPONSE_TIMEOUT,
    Reason.RESPONSE_TIMEOUT,
)


class Trace:
    """The running record of one probe.

    A probe function writes into it as it learns: when a deadline cuts the probe short, what was
    found until then still makes the sample. Times are readings of the network's monotonic clock.

    Attributes:
        phase: The phase that the probe is in; `None` before the first.
        address: The address connected to last.
        resolved: Every address of the Check's own host.
        tls: Facts of the last handshake.
        http: Facts of the last response.
    """

    __slots__ = ("_elapsed", "_since", "address", "http", "phase", "resolved", "tls")

    def __init__(self) -> None:
        self.phase: Phase | None = None
        self.address = ""
        self.resolved: tuple[str, ...] = ()
        self.tls: TlsFacts | None = None
        self.http: HttpFacts | None = None
        self._elapsed = [0.0, 0.0, 0.0, 0.0, 0.0]
        self._since = 0.0

    def enter(self, phase: Phase, now: float) -> None:
        """Begin a phase; the time until `now` belongs to the one before it."""
        if self.phase is not None:
            self._elapsed[self.phase] += now - self._since
        self._since = now
        self.phase = phase

    def leave(self, now: float) -> None:
        """Close the account of the present phase at `now`."""
        if self.phase is not None:
            self._elapsed[self.phase] += now - self._since
        self._since = now

    def phases(self) -> Phases:
        """Seconds by phase, as far as they are accounted for."""
        return Phases(*self._elapsed)
