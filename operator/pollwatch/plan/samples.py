"""What one probe found."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

MAX_EVIDENCE = 256
"""Longest evidence text of a sample, in characters."""


class Outcome(StrEnum):
    """How a probe ended."""

    SUCCESS = "Success"
    FAILURE = "Failure"
    """The target did not answer as it must."""
    ERROR = "Error"
    """Pollwatch could not probe (no file descriptor left, a defect): says nothing about the target."""


class Reason(StrEnum):
    """Why a sample is not a success: a closed set, safe as a metric label.

    The value is what users see in `status`, in events and in
    `pollwatch_probe_failures_total{reason=}`.
    """

    DNS_NOT_FOUND = "DNSNotFound"
    """The name does not exist or has no address (RFC 8020, RFC 2308)."""
    DNS_FAILED = "DNSFailed"
    """No name server gave a usable answer."""
    DNS_TIMEOUT = "DNSTimeout"
    CONNECT_REFUSED = "ConnectRefused"
    CONNECT_TIMEOUT = "ConnectTimeout"
    CONNECT_FAILED = "ConnectFailed"
    """No route, network or host unreachable, and other errors of connect(2)."""
    TLS_FAILED = "TLSFailed"
    """The handshake broke down: no common version or cipher, an alert, not TLS at all."""
    TLS_TIMEOUT = "TLSTimeout"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_NAME_MISMATCH = "CertificateNameMismatch"
    CERTIFICATE_UNTRUSTED = "CertificateUntrusted"
    CONNECTION_RESET = "ConnectionReset"
    CONNECTION_CLOSED = "ConnectionClosed"
    """The peer ended the connection before the answer was whole."""
    RESPONSE_TIMEOUT = "ResponseTimeout"
    """Connected, but the answer was not whole in time."""
    INVALID_RESPONSE = "InvalidResponse"
    """Not HTTP (RFC 9112)."""
    HEADERS_TOO_LARGE = "HeadersTooLarge"
    BODY_TOO_LARGE = "BodyTooLarge"
    BODY_UNDECODABLE = "BodyUndecodable"
    """The content coding is broken or unknown."""
    TOO_MANY_REDIRECTS = "TooManyRedirects"
    INVALID_REDIRECT = "InvalidRedirect"
    """No usable Location, or one to another scheme than http and https."""
    UNEXPECTED_STATUS = "UnexpectedStatus"
    UNEXPECTED_BODY = "UnexpectedBody"
    UNEXPECTED_HEADER = "UnexpectedHeader"
    EGRESS_DENIED = "EgressDenied"
    """The pool's egress policy refuses every address of the target (outcome `Error`)."""
    RESOURCES_EXHAUSTED = "ResourcesExhausted"
    """The prober itself ran out of descriptors, ports or memory (outcome `Error`)."""
    INTERNAL = "Internal"
    """A defect in Pollwatch (outcome `Error`)."""


class Phases(NamedTuple):
    """Seconds spent in each phase, summed over redirects; 0.0 where it was not reached.

    The names are blackbox_exporter's.
    """

    resolve: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    processing: float = 0.0
    """From the request being sent to the first byte of the answer."""
    transfer: float = 0.0


class TlsFacts(NamedTuple):
    """What the (last) TLS handshake agreed on."""

    version: str
    """As OpenSSL names it: `TLSv1.3`."""
    cipher: str
    earliest_expiry: float
    """The first `notAfter` of the certificates presented, Unix seconds."""


class HttpFacts(NamedTuple):
    """What the final response was."""

    status: int
    version: str
    """`1.0` or `1.1`."""
    content_length: int
    """The header's value; -1 when there was none."""
    body_bytes: int
    """Length of the decoded body, as far as it was read."""
    redirects: int
    tls: bool
    """Whether the final hop was https."""
    last_modified: float | None = None
    """Unix seconds, when the header was there and valid."""
    failed_regex: bool = False
    """Whether a body or header rule was not met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One probe of one target."""

    started: float
    """Unix seconds."""
    duration: float
    """Seconds, all phases and redirects together."""
    outcome: Outcome
    reason: Reason | None = None
    """`None` if, and only if, the outcome is `Success`."""
    phases: Phases = Phases()
    address: str = ""
    """The address connected to (of the last hop); empty when none was."""
    resolved: tuple[str, ...] = ()
    """Every address of the Check's own host, sorted, as resolved in this probe; empty when it
    could not be resolved."""
    tls: TlsFacts | None = None
    http: HttpFacts | None = None
    evidence: str = ""
    """For people: what was expected and what came, printable, at most `MAX_EVIDENCE`
    characters, confidential values cut out."""
