"""Name servers, search list and patience: resolv.conf(5)."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import dns.exception
import dns.name
import dns.resolver

from pollwatch.plan.clock import Clock
from pollwatch.probes.watched_file import WatchedFile

_ATTEMPTS = re.compile(r"^options\b.*\battempts:(\d+)", re.MULTILINE)
_MAX_TIMEOUT = 30.0
_MAX_ATTEMPTS = 5
_MAX_NDOTS = 15


class NameServer(NamedTuple):
    """Where a name server listens."""

    address: str
    port: int = 53


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolverOptions:
    """How names are asked for. The defaults and the limits are the C library's."""

    servers: tuple[NameServer, ...] = (NameServer("127.0.0.1"), NameServer("::1"))
    search: tuple[str, ...] = ()
    """Suffixes, absolute, without the final dot."""
    ndots: int = 1
    """A name with fewer dots is tried with the suffixes first."""
    timeout: float = 5.0
    """Seconds for one server to answer."""
    attempts: int = 2
    """How often the list of servers is gone through."""
    rotate: bool = False
    """Whether each lookup begins with another server."""

    def candidates(self, host: str) -> Sequence[str]:
        """The absolute names that a name may stand for, in the order of trying."""
        if host.endswith("."):
            return (host[:-1],)
        suffixed = tuple(f"{host}.{suffix}" for suffix in self.search)
        return (host, *suffixed) if host.count(".") >= self.ndots else (*suffixed, host)


class OptionsSource:
    """Options that never change: for tests, and for servers named on purpose."""

    def __init__(self, options: ResolverOptions) -> None:
        self._options = options

    def options(self) -> ResolverOptions:
        """The options."""
        return self._options


class ResolvConf:
    """Options as a resolv.conf file has them, read again when it changed."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._file = WatchedFile(path, parse_resolv_conf, clock=clock)

    def options(self) -> ResolverOptions:
        """The options as of now."""
        return self._file.value()


def parse_resolv_conf(text: str) -> ResolverOptions:
    """Read resolv.conf(5); what cannot be read is as if it were not there."""
    defaults = ResolverOptions()
    parsed = dns.resolver.Resolver(configure=False)
    parsed.timeout = defaults.timeout
    parsed.ndots = defaults.ndots
    try:
        parsed.read_resolv_conf(io.StringIO(text))
        servers = tuple(NameServer(str(server)) for server in parsed.nameservers)
    except (dns.exception.DNSException, ValueError):
        servers = defaults.servers
    domain = () if parsed.domain == dns.name.root else (parsed.domain,)
    attempts = _ATTEMPTS.search(text)
    return ResolverOptions(
        servers=servers,
        search=tuple(suffix.to_text(omit_final_dot=True) for suffix in parsed.search or domain),
        ndots=min(parsed.ndots, _MAX_NDOTS),
        timeout=min(max(parsed.timeout, 1.0), _MAX_TIMEOUT),
        attempts=min(max(int(attempts[1]), 1), _MAX_ATTEMPTS) if attempts else defaults.attempts,
        rotate=bool(parsed.rotate),
    )
