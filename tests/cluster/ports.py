"""TCP ports on the loopback address that stay ours while the server on them is away."""

from __future__ import annotations

import socket


class ReservedPort:
    """A free port, held from now until `close`.

    It is held by a socket that is bound with SO_REUSEPORT and never listens: a server of the same
    user that sets SO_REUSEPORT too can listen on the port, come and go, and no other program can
    be given it in between. While no server listens, connections are refused.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()
