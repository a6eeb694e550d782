"""`spec.tcp`: the connection to open."""

from pollwatch.api.base import Model
from pollwatch.api.hosts import HostPort, Resolution
from pollwatch.api.tls import Tls


class TcpCheck(Model):
    """One TCP connection, with a TLS handshake when `tls` is set."""

    address: HostPort
    """Host and port to connect to, such as `db.example.org:5432` or `[2001:db8::1]:443`."""
    tls: Tls | None = None
    """Do a TLS handshake once connected, and authenticate the server in this way."""
    resolve: Resolution = "Any"
