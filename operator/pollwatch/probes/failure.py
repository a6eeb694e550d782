"""How a probe says that it failed."""

import errno
import os

from pollwatch.plan.samples import Outcome, Reason

_EXHAUSTED = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL, errno.EAGAIN}
)
"""Errors of socket(2) and connect(2) that are about the prober. `EADDRNOTAVAIL` and `EAGAIN`: no port
to connect from is left."""
_OWN = frozenset({Reason.EGRESS_DENIED, Reason.RESOURCES_EXHAUSTED, Reason.INTERNAL})


class ProbeError(Exception):
    """Ends a probe, with the reason and what shows it.

    Attributes:
        reason: The one of the closed set.
        evidence: What was expected and what came; raw: it is bounded and redacted when it is
            put into the sample.
        excerpt: The beginning of what the target sent, which may have been cut anywhere.
    """

    def __init__(self, reason: Reason, evidence: str = "", *, excerpt: str = "") -> None:
        super().__init__(reason, evidence)
        self.reason = reason
        self.evidence = evidence
        self.excerpt = excerpt


def outcome_of(reason: Reason) -> Outcome:
    """Whether a reason speaks of the target (`Failure`) or of the prober (`Error`)."""
    return Outcome.ERROR if reason in _OWN else Outcome.FAILURE


def connect_error(error: OSError, place: str) -> ProbeError:
    """What an error of connect(2) says about a place (`192.0.2.1:80`)."""
    if error.errno in _EXHAUSTED:
        return ProbeError(Reason.RESOURCES_EXHAUSTED, f"cannot connect to {place}: {describe(error)}")
    if error.errno == errno.ECONNREFUSED:
        return ProbeError(Reason.CONNECT_REFUSED, f"{place} refused the connection")
    if error.errno == errno.ETIMEDOUT:
        return ProbeError(Reason.CONNECT_TIMEOUT, f"{place}: {describe(error)}")
    if error.errno == errno.ECONNRESET:
        return ProbeError(Reason.CONNECTION_RESET, f"{place} reset the connection")
    return ProbeError(Reason.CONNECT_FAILED, f"{place}: {describe(error)}")


def resources_exhausted(error: BaseException) -> bool:
    """Whether an error is the prober's want of descriptors, ports or memory."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _EXHAUSTED)


def describe(error: OSError) -> str:
    """The system's words for an error number: `No route to host`."""
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
