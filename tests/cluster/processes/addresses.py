"""Loopback addresses that Pods have."""

from __future__ import annotations

import random
import socket

INNER_OFFSET = 64
"""A process behind a `Link` listens at 127.(n + 64).*.* for its Pod's 127.n.*.*."""


def free_address(port: int) -> str:
    """An address in 127.1.0.0 - 127.63.255.254 at which nobody listens on that port."""
    while True:
        numbers = random.randint(1, 63), random.randint(0, 255), random.randint(1, 254)  # noqa: S311 - no secret
        address = "127." + ".".join(map(str, numbers))
        if _is_free(address, port) and _is_free(inner_address(address), port):
            return address


def inner_address(address: str) -> str:
    """Where the process of a Pod listens when a `Link` has the Pod's own address."""
    first, second, rest = address.split(".", 2)
    return f"{first}.{int(second) + INNER_OFFSET}.{rest}"


def _is_free(address: str, port: int) -> bool:
    try:
        with socket.create_server((address, port)):
            return True
    except OSError:
        return False
