"""Probing: one file per protocol, and what they share.

`sampling.take_sample` probes a target once. `registry` names the protocols, `http_probe` and
`tcp_probe` are they. Below them: `dialling` (from a host name to a connection), `wire` (the
connection, TLS included), `resolver` (names to addresses), and the parts of HTTP that need no
connection at all: `request`, `http_reader`, `decoding`, `redirects`, `expectations`.

Nothing here knows of schedules, verdicts, series or Kubernetes. Clock, DNS and the maker of
connections come in with the `Network`.
"""
