"""Names from hosts files: hosts(5), before any name server is asked."""

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path

from pollwatch.plan.clock import Clock
from pollwatch.probes.watched_file import WatchedFile

_LOOPBACK = ("127.0.0.1", "::1")


def parse_hosts(text: str) -> Mapping[str, tuple[str, ...]]:
    """Addresses by lower-case name, in the order of the lines; lines that hold no address are skipped."""
    hosts: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            canonical = str(ipaddress.ip_address(address))
        except ValueError:
            continue
        for name in names:
            known = hosts.setdefault(name.lower().rstrip("."), [])
            if canonical not in known:
                known.append(canonical)
    return {name: tuple(addresses) for name, addresses in hosts.items()}


class HostsFiles:
    """Several hosts files; the first that knows a name answers for it."""

    def __init__(self, paths: Sequence[Path], *, clock: Clock) -> None:
        self._files = tuple(WatchedFile(path, parse_hosts, clock=clock) for path in paths)

    def lookup(self, host: str) -> tuple[str, ...]:
        """Addresses of a lower-case name without final dot; none when no file knows it.

        `localhost` and what ends in it is always the loopback (RFC 6761, section 6.3).
        """
        for file in self._files:
            addresses = file.value().get(host)
            if addresses:
                return addresses
        if host == "localhost" or host.endswith(".localhost"):
            return _LOOPBACK
        return ()
