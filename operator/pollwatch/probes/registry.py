"""The protocols: one line each."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from pollwatch.plan.checks import HttpProbe, Probe, Target, TcpProbe
from pollwatch.probes.http_probe import probe_http
from pollwatch.probes.network import Network
from pollwatch.probes.tcp_probe import probe_tcp
from pollwatch.probes.tracing import Trace

ProbeFunction = Callable[[Target, Trace, Network], Awaitable[None]]
"""Probes a target once.

It enters the phases as it reaches them and writes what it finds into the trace; it returns when the
target is as it must be, and raises `ProbeError` when it is not. It needs no deadline of its own:
it is cancelled when time is up, and must close what it opened then, too.
"""

PROBES: Mapping[type[Probe], ProbeFunction] = MappingProxyType({HttpProbe: probe_http, TcpProbe: probe_tcp})
