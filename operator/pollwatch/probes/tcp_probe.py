"""A TCP connection, with a TLS handshake when the Check asks for one."""

from pollwatch.plan.checks import Target, TcpProbe
from pollwatch.probes.dialling import dial
from pollwatch.probes.network import Network
from pollwatch.probes.tls import client_context
from pollwatch.probes.tracing import Trace


async def probe_tcp(target: Target, trace: Trace, network: Network) -> None:
    """Connect, shake hands if need be, and close.

    Raises:
        ProbeError: The target could not be connected to, or its TLS is not as it must be.
    """
    probe = target.check.probe
    if not isinstance(probe, TcpProbe):
        raise TypeError(f"not a TCP probe: {type(probe).__name__}")
    connection = await dial(probe.host, probe.port, network=network, trace=trace, pinned=target.address)
    try:
        if probe.tls is not None:
            server_name = probe.tls.server_name or probe.host
            trace.tls = await connection.secure(client_context(probe.tls), server_name)
    finally:
        connection.close()
