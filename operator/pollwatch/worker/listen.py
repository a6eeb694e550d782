"""Where the worker listens: the `--listen` value, parsed and bound."""

import errno
import re
import socket
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

_ADDRESS = re.compile(r"(?:\[(?P<ip6>[^\[\]]+)\]|(?P<host>[^:\[\]\s]*)):(?P<port>[0-9]{1,5})", re.ASCII)
_HIGHEST_PORT = 65535
_BACKLOG = 128
_LOOPBACK_OF = {str(IPv6Address(0)): "::1", str(IPv4Address(0)): "127.0.0.1"}
"""Where a client on this machine finds what listens on every address."""


class ListenError(Exception):
    """Pollwatch cannot listen there. The message is one line: what is wrong, and how to mend it."""


class ListenAddress(NamedTuple):
    """A host and a port to listen on."""

    host: str
    """Name or address, without brackets; empty: every address of the machine."""
    port: int
    """0: one that is free."""

    @property
    def url(self) -> str:
        """Where a client on this machine finds it."""
        host = _LOOPBACK_OF.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def parse_listen(text: str) -> ListenAddress:
    """Read `HOST:PORT`, `[IPV6]:PORT` or `:PORT`.

    Raises:
        ListenError: It is none of these.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > _HIGHEST_PORT:
        raise ListenError(
            f"--listen {text!r}: not an address (write HOST:PORT, [IPV6]:PORT or :PORT, with a port to 65535)"
        )
    return ListenAddress(match["ip6"] or match["host"], int(match["port"]))


def bind(text: str) -> socket.socket:
    """Listen on an address.

    It is done here rather than by the server, so that what is wrong can be said in one line.

    Args:
        text: As given to `--listen`.

    Raises:
        ListenError: The address is malformed, taken, not this machine's, or not allowed.
    """
    address = parse_listen(text)
    try:
        return _bind(address)
    except (OSError, UnicodeError) as error:
        raise ListenError(f"--listen {text}: {_explain(error)}") from error


def _bind(address: ListenAddress) -> socket.socket:
    if not address.host and socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("", address.port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
            )
        except OSError as error:
            # IPv6 can be compiled in and switched off.
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise
    found = socket.getaddrinfo(
        address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, _, _, _, socket_address = found[0]
    return socket.create_server(socket_address, family=family, backlog=_BACKLOG)


def _explain(error: OSError | UnicodeError) -> str:
    if isinstance(error, socket.gaierror | UnicodeError):
        return "no such host (give an address of this machine)"
    match error.errno:
        case errno.EADDRINUSE:
            return "address already in use (choose another with --listen)"
        case errno.EADDRNOTAVAIL:
            return "not an address of this machine (use one of its own, or 0.0.0.0 or [::] for all)"
        case errno.EACCES | errno.EPERM:
            return "permission denied (ports below 1024 need a privilege; choose a higher one)"
        case _:
            return f"cannot listen there: {error.strerror}"
