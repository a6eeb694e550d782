"""Ports of the loopback interface."""

import socket


def free_port(address: str = "127.0.0.1") -> int:
    """A port that was free at `address` a moment ago, for a program that cannot choose one itself."""
    with socket.create_server((address, 0)) as free:
        port: int = free.getsockname()[1]
    return port
