"""Every metric of a target and of a Check: the one place that names them.

The reference in the docs is generated from here. Where the meaning is the same as in
blackbox_exporter the name is too, so that dashboards and alerts work unchanged.
"""

from collections.abc import Mapping
from types import MappingProxyType

from pollwatch.plan.checks import HttpProbe, Probe, TcpProbe
from pollwatch.plan.samples import Phases
from pollwatch.plan.states import CheckState, Verdict
from pollwatch.series.metric import EXACT, SECONDS, Line, Metric, MetricType, Row, Stability
from pollwatch.series.tally import BUCKETS, Tally

TARGET_LABELS = ("namespace", "check", "target", "address")
"""On every series of a target, before the Check's own labels."""

CHECK_LABELS = ("namespace", "check")
"""On every series of a Check, before the Check's own labels."""


_PHASES = tuple(Line(labels=(("phase", phase),), number=SECONDS) for phase in Phases._fields)

_HISTOGRAM = (
    *(Line(labels=(("le", bound),), suffix="_bucket") for bound in (*map(str, BUCKETS), "+Inf")),
    Line(suffix="_sum", number=EXACT),
    Line(suffix="_count"),
)

_IN_SECONDS = (Line(number=SECONDS),)


def _failures(tally: Tally) -> tuple[Row, ...]:
    if not tally.failures:
        return ()
    return tuple([(count, (reason,)) for reason, count in tally.failures.items()])


def _last_modified(tally: Tally) -> tuple[Row, ...]:
    when = tally.http.last_modified
    return () if when is None else ((int(when), ()),)


def _earliest_expiry(tally: Tally) -> tuple[Row, ...]:
    tls = tally.sample.tls
    return () if tls is None else ((int(tls.earliest_expiry), ()),)


def _tls_version(tally: Tally) -> tuple[Row, ...]:
    tls = tally.sample.tls
    return () if tls is None else ((1, (tls.version,)),)


def _tls_cipher(tally: Tally) -> tuple[Row, ...]:
    tls = tally.sample.tls
    return () if tls is None else ((1, (tls.cipher,)),)


_COMMON: tuple[Metric[Tally], ...] = (
    Metric(
        name="probe_success",
        type=MetricType.GAUGE,
        help="Whether the last probe was a success (1) or a failure (0).",
        value=lambda tally: tally.sample.reason is None,
        steady=True,
    ),
    Metric(
        name="probe_duration_seconds",
        type=MetricType.GAUGE,
        help="How long the last probe took, all phases and redirects together.",
        unit="seconds",
        value=lambda tally: tally.sample.duration,
        lines=_IN_SECONDS,
    ),
    Metric(
        name="probe_timeout_seconds",
        type=MetricType.GAUGE,
        help="How long a probe may take.",
        unit="seconds",
        value=lambda tally: tally.timeout,
        lines=_IN_SECONDS,
        steady=True,
    ),
    Metric(
        name="probe_dns_lookup_time_seconds",
        type=MetricType.GAUGE,
        help="How long resolving names took in the last probe, summed over redirects.",
        unit="seconds",
        value=lambda tally: tally.sample.phases.resolve,
        lines=_IN_SECONDS,
    ),
    Metric(
        name="probe_ip_protocol",
        type=MetricType.GAUGE,
        help="IP version of the address that the last probe connected to (4 or 6), 0 when it was none.",
        value=lambda tally: tally.ip_protocol,
        steady=True,
    ),
    Metric(
        name="probe_ip_addr_hash",
        type=MetricType.GAUGE,
        help="Hash (32-bit FNV-1a) of the address that the last probe connected to: shows when it changes.",
        value=lambda tally: tally.ip_hash,
        steady=True,
    ),
    Metric(
        name="probe_ssl_earliest_cert_expiry",
        type=MetricType.GAUGE,
        help="When the first certificate presented expires, Unix seconds; absent without a handshake.",
        unit="seconds",
        rows=_earliest_expiry,
    ),
    Metric(
        name="probe_tls_version_info",
        type=MetricType.INFO,
        help="TLS version agreed on; absent without a handshake.",
        rows=_tls_version,
        row_labels=("version",),
    ),
    Metric(
        name="probe_tls_cipher_info",
        type=MetricType.INFO,
        help="TLS cipher suite agreed on; absent without a handshake.",
        rows=_tls_cipher,
        row_labels=("cipher",),
    ),
    Metric(
        name="pollwatch_probe_attempts_total",
        type=MetricType.COUNTER,
        help="Probes that ended, whatever they found; every sample counts, nothing is retried away.",
        value=lambda tally: tally.attempts,
    ),
    Metric(
        name="pollwatch_probe_successes_total",
        type=MetricType.COUNTER,
        help="Probes that were a success; what is missing of the attempts are failures.",
        value=lambda tally: tally.successes,
    ),
    Metric(
        name="pollwatch_probe_errors_total",
        type=MetricType.COUNTER,
        help="Probes that Pollwatch itself could not make: failures that say nothing of the target.",
        value=lambda tally: tally.errors,
    ),
    Metric(
        name="pollwatch_probe_failures_total",
        type=MetricType.COUNTER,
        help="Probes that were not a success, by reason; a reason appears when it is first seen.",
        rows=_failures,
        row_labels=("reason",),
    ),
    Metric(
        name="pollwatch_probe_duration_seconds",
        type=MetricType.HISTOGRAM,
        help="How long probes took, successes and failures alike; errors of the prober itself are left out.",
        unit="seconds",
        values=lambda tally: (*tally.buckets, tally.seconds, tally.buckets[-1]),
        lines=_HISTOGRAM,
    ),
)

_HTTP: tuple[Metric[Tally], ...] = (
    Metric(
        name="probe_http_duration_seconds",
        type=MetricType.GAUGE,
        help="How long each phase of the last probe took, summed over redirects; 0 when it was not reached.",
        unit="seconds",
        values=lambda tally: tally.sample.phases,
        lines=_PHASES,
    ),
    Metric(
        name="probe_http_status_code",
        type=MetricType.GAUGE,
        help="Status code of the final response, 0 when there was none.",
        value=lambda tally: tally.http.status,
        steady=True,
    ),
    Metric(
        name="probe_http_content_length",
        type=MetricType.GAUGE,
        help="Content-Length of the final response in bytes, -1 when it had none, 0 without a response.",
        value=lambda tally: tally.http.content_length,
        steady=True,
    ),
    Metric(
        name="probe_http_uncompressed_body_length",
        type=MetricType.GAUGE,
        help="Length of the decoded body in bytes, as far as it was read.",
        value=lambda tally: tally.http.body_bytes,
        steady=True,
    ),
    Metric(
        name="probe_http_redirects",
        type=MetricType.GAUGE,
        help="How many redirects the last probe followed.",
        value=lambda tally: tally.http.redirects,
        steady=True,
    ),
    Metric(
        name="probe_http_ssl",
        type=MetricType.GAUGE,
        help="Whether the final response came over TLS.",
        value=lambda tally: tally.http.tls,
        steady=True,
    ),
    Metric(
        name="probe_http_version",
        type=MetricType.GAUGE,
        help="HTTP version of the final response, 0 when there was none.",
        value=lambda tally: float(tally.http.version),
        lines=_IN_SECONDS,
        steady=True,
    ),
    Metric(
        name="probe_http_last_modified_timestamp_seconds",
        type=MetricType.GAUGE,
        help="Last-Modified of the final response, Unix seconds; absent when the header was.",
        unit="seconds",
        rows=_last_modified,
    ),
    Metric(
        name="probe_failed_due_to_regex",
        type=MetricType.GAUGE,
        help="Whether the last probe failed because of a rule about the body or a header.",
        value=lambda tally: tally.http.failed_regex,
        steady=True,
    ),
)

_TCP: tuple[Metric[Tally], ...] = (
    Metric(
        name="probe_tcp_duration_seconds",
        type=MetricType.GAUGE,
        help="How long each phase of the last probe took; 0 when it was not reached.",
        unit="seconds",
        stability=Stability.ALPHA,
        values=lambda tally: tally.sample.phases,
        lines=_PHASES,
    ),
)

TARGET_METRICS: tuple[Metric[Tally], ...] = (*_COMMON, *_HTTP, *_TCP)

METRICS_OF: Mapping[type[Probe], tuple[Metric[Tally], ...]] = MappingProxyType(
    {HttpProbe: (*_COMMON, *_HTTP), TcpProbe: (*_COMMON, *_TCP)}
)
"""The metrics that a target of each protocol has."""


CHECK_METRICS: tuple[Metric[CheckState], ...] = (
    Metric(
        name="pollwatch_check_verdict",
        type=MetricType.GAUGE,
        help="The verdict on a Check: 1 for the one that holds, 0 for the others.",
        stability=Stability.ALPHA,
        values=lambda state: [state.verdict is verdict for verdict in Verdict],
        lines=tuple(Line(labels=(("verdict", verdict),)) for verdict in Verdict),
    ),
    Metric(
        name="pollwatch_check_targets",
        type=MetricType.GAUGE,
        help="How many targets a Check has.",
        stability=Stability.ALPHA,
        value=lambda state: state.total,
    ),
    Metric(
        name="pollwatch_check_targets_up",
        type=MetricType.GAUGE,
        help="How many targets of a Check are Up.",
        stability=Stability.ALPHA,
        value=lambda state: state.up,
    ),
    Metric(
        name="pollwatch_check_last_transition_timestamp_seconds",
        type=MetricType.GAUGE,
        help="When the verdict began, Unix seconds; absent until there is a first verdict.",
        unit="seconds",
        stability=Stability.ALPHA,
        rows=lambda state: ((state.since, ()),) if state.since else (),
    ),
)

RESERVED_LABELS = frozenset(
    (
        *TARGET_LABELS,
        *CHECK_LABELS,
        *(name for metric in TARGET_METRICS for name in metric.labels),
        *(name for metric in CHECK_METRICS for name in metric.labels),
    )
)
"""Label names that a Check's own labels cannot have."""
