"""Command line arguments, read strictly: what is wrong is said with how it is written right."""

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Any

import click

from pollwatch.cli.errors import BadInputError
from pollwatch.plan.addresses import IPNetwork
from pollwatch.plan.checks import Header, StatusRange

HIGHEST_PORT = 65535
LONGEST = 10 * 365 * 86_400
"""Seconds that an event loop can be told to wait; more is a mistake."""

_HOST_PORT = re.compile(r"(?:\[(?P<ip6>[^\[\]]+)\]|(?P<host>[^:\[\]\s/]+)):(?P<port>[0-9]{1,5})", re.ASCII)
_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)", re.ASCII)


class Seconds(click.FloatRange):
    """A number of seconds that a timer can be set to: finite, at most `LONGEST`, and in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it; `nan` is a number to Python, and within any range."""
        seconds: float = super().convert(value, param, ctx)
        if not seconds <= LONGEST:
            self.fail(f"{value} is not a number of seconds that can be waited for", param, ctx)
        return seconds


class Network(click.ParamType[IPNetwork]):
    """An address, or a network in CIDR notation."""

    name = "network"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> IPNetwork:
        """Read it."""
        try:
            return ipaddress.ip_network(value)
        except ValueError as error:
            self.fail(f"{error}: write it as 10.0.0.0/8, 2001:db8::/32 or a single address", param, ctx)


ABOVE_ZERO = Seconds(min=0, min_open=True)


def status_range(text: str) -> StatusRange:
    """Read a status code (`204`) or a class (`2xx`).

    Raises:
        BadInputError: It is neither.
    """
    if not _STATUS.fullmatch(text):
        raise BadInputError([f"--expect-status {text!r}: neither a code such as 204 nor a class such as 2xx"])
    return StatusRange.parse(text)


def header(text: str) -> Header:
    """Read `Name: value`.

    Raises:
        BadInputError: There is no name. The text may hold a password and is not repeated.
    """
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise BadInputError(["--header: write it as 'Name: value'"])
    return Header(name=name.strip(), value=value.strip())


def host_port(text: str) -> tuple[str, int]:
    """Read `HOST:PORT` or `[IPV6]:PORT`.

    Raises:
        BadInputError: It is neither.
    """
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise BadInputError([f"{text!r}: write HOST:PORT, or [IPV6]:PORT"])
    port = int(match["port"])
    if not 0 < port <= HIGHEST_PORT:
        raise BadInputError([f"{text!r}: the port must be 1 to {HIGHEST_PORT}"])
    return (ip_address(match["ip6"]) if match["ip6"] else match["host"]), port


def ip_address(text: str) -> str:
    """Read an IPv4 or IPv6 address, the latter with or without brackets.

    Raises:
        BadInputError: It is none.
    """
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError as error:
        raise BadInputError([f"{text!r} is not an IP address"]) from error


def ca_certificates(file: Path) -> str:
    """Read certificates in PEM.

    Raises:
        BadInputError: It is not readable or holds none.
    """
    try:
        pem = file.read_text(encoding="ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (OSError, UnicodeDecodeError, ssl.SSLError) as error:
        raise BadInputError([f"--ca {file}: no certificates in PEM could be read from it"]) from error
    return pem
