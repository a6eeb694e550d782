"""What a worker is told to probe.

Every type here is a frozen value: two plans can be compared to see what changed.
Values that may be secret are left out of `repr`, so that neither a log line nor a
traceback can show them.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from pollwatch.plan.egress import UNRESTRICTED, EgressPolicy

MAX_ADDRESSES = 64
"""Targets of a Check at most; of more addresses the first ones (as text) are probed."""


class CheckKey(NamedTuple):
    """Namespace and name of a Check: its identity in Kubernetes and in series."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Resolve(StrEnum):
    """How the addresses behind a host name become targets."""

    ANY = "Any"
    """One target: each probe connects to one address, as a visitor's client would."""

    EACH_ADDRESS = "EachAddress"
    """A target for each address that the name resolves to."""


class TextTest(StrEnum):
    """How a text is compared with a pattern."""

    CONTAINS = "contains"
    NOT_CONTAINS = "notContains"
    MATCHES = "matches"
    NOT_MATCHES = "notMatches"

    @property
    def negated(self) -> bool:
        """Whether the sample fails when the pattern *is* found."""
        return self in (TextTest.NOT_CONTAINS, TextTest.NOT_MATCHES)

    @property
    def is_regex(self) -> bool:
        """Whether the pattern is a regular expression (RE2 syntax)."""
        return self in (TextTest.MATCHES, TextTest.NOT_MATCHES)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRule:
    """What a body must, or must not, hold."""

    test: TextTest
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRule:
    """What a response header must, or must not, hold. A missing header reads as no text at all."""

    name: str
    """Field name in lower case."""
    test: TextTest
    pattern: str


class StatusRange(NamedTuple):
    """Accepted status codes, both ends included: `200-299` for `2xx`, `204-204` for `204`."""

    low: int
    high: int

    @classmethod
    def parse(cls, text: str) -> "StatusRange":
        """Read `204` or `2xx`: the inverse of `str`. The caller has checked the spelling."""
        if text.endswith("xx"):
            low = int(text[0]) * 100
            return cls(low, low + 99)
        return cls(int(text), int(text))

    def __str__(self) -> str:
        if self.low == self.high:
            return str(self.low)
        return f"{self.low // 100}xx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One request header field, ready to be sent."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """How the server is authenticated (RFC 8446, RFC 9525)."""

    server_name: str | None = None
    """Name for SNI and for verification; `None`: the host that is probed."""
    verify: bool = True
    ca_pem: str | None = None
    """Trusted roots, PEM; `None`: the system's."""
    min_version: str = "1.2"
    """`1.2` or `1.3`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProbe:
    """One HTTP request and what its answer must be."""

    url: str
    """Absolute URL as the user wrote it, without fragment; `http` or `https`."""
    method: str = "GET"
    headers: tuple[Header, ...] = ()
    body: bytes = field(default=b"", repr=False)
    max_redirects: int = 0
    """How many redirects are followed; 0: a 3xx is the answer."""
    statuses: tuple[StatusRange, ...] = (StatusRange(200, 299),)
    body_rules: tuple[TextRule, ...] = ()
    header_rules: tuple[HeaderRule, ...] = ()
    max_body_bytes: int = 1 << 20
    """Limit on the decoded body; a longer one fails the sample."""
    tls: TlsOptions = TlsOptions()
    resolve: Resolve = Resolve.ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpProbe:
    """One TCP connection, with a TLS handshake when `tls` is set."""

    host: str
    """Host name, IPv4 or IPv6 address (without brackets)."""
    port: int
    tls: TlsOptions | None = None
    resolve: Resolve = Resolve.ANY


Probe = HttpProbe | TcpProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """One Check, compiled."""

    key: CheckKey
    uid: str
    """Identity of the object: a Check that was deleted and made again is another one."""
    generation: int
    """`metadata.generation` that this was compiled from; 0 outside Kubernetes."""
    period: float
    """Seconds from one start to the next."""
    timeout: float
    """Seconds a probe may take, all phases together; not above `period`."""
    target: str
    """What the user named, for people and for the `target` label: a URL without query
    and credentials, or `host:port`."""
    probe: Probe
    labels: tuple[tuple[str, str], ...] = ()
    """The Check's own metric labels, sorted by name."""
    confidential: tuple[str, ...] = field(default=(), repr=False)
    """Values from Secrets: they are cut out of evidence before anything is kept."""
    rate: float | None = None
    """Probes a second that all its targets together may take; `None`: as many as the period asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one worker is told."""

    checks: tuple[CheckPlan, ...] = ()
    """Sorted by key."""
    egress: EgressPolicy = UNRESTRICTED
    host_rate: float | None = None
    """This worker's share of the probes a second that one host gets from the pool, above 0; `None`: nobody
    said. The rates of Checks keep to what the host gets already: it is for what starts beside them."""


class Target(NamedTuple):
    """What one probe is aimed at."""

    check: CheckPlan
    address: str | None = None
    """The one address to connect to, of those that the host resolves to; `None`: any of them."""
