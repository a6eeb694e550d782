"""The dashboard of one Check: phases, and how long probes take."""

from pollwatch.alerting.dashboards import colours
from pollwatch.alerting.dashboards.check_words import LEGEND, NOT_PROBED, WHO
from pollwatch.alerting.dashboards.dashboard import Row, Section
from pollwatch.alerting.dashboards.expressions import ONE_CHECK, RATE, quantile
from pollwatch.alerting.dashboards.fields import Fields, Override
from pollwatch.alerting.dashboards.looks import PHASES, SECONDS
from pollwatch.alerting.dashboards.panels import Panel, Query, chart, heatmap


def section() -> Section:
    """Build the part of the dashboard that says where the time goes."""
    return Section(
        title="Where the time goes",
        rows=(
            Row(height=9, panels=((12, _phases()), (12, _heatmap()))),
            Row(height=9, panels=((12, _quantiles()), (12, _slow_addresses()))),
        ),
    )


def _phases() -> Panel:
    http = f"avg_over_time(probe_http_duration_seconds{{{ONE_CHECK}}}[{RATE}])"
    tcp = f"avg_over_time(probe_tcp_duration_seconds{{{ONE_CHECK}}}[{RATE}])"
    return chart(
        "Phases",
        "How long each phase takes, on average of all addresses. resolve: the name servers; connect: the "
        "network; tls: the handshake; processing: the backend's work; transfer: the size of the answer.",
        [Query(expr=f"avg by (phase) ({http} or {tcp})", legend="{{phase}}")],
        SECONDS.with_(no_value=NOT_PROBED),
        stacked="lines",
        overrides=[Override(name=phase, fields=Fields(colour=colour)) for phase, colour in PHASES.items()],
    )


def _heatmap() -> Panel:
    return heatmap(
        "Latency",
        "How many probes a second ended within which time, failures too. Two bands are two kinds of answer: "
        "a cache and what it misses, or one slow backend among fast ones.",
        Query(
            expr=f"sum by (le) (rate(pollwatch_probe_duration_seconds_bucket{{{ONE_CHECK}}}[{RATE}]))",
            legend="{{le}}",
            shape="heatmap",
        ),
        unit="s",
        no_value=NOT_PROBED,
    )


def _quantiles() -> Panel:
    shares = {0.5: "half", 0.95: "95 %", 0.99: "99 %"}
    shown = dict(zip("ABC", (colours.SKY_BLUE, colours.BLUE, colours.ORANGE), strict=True))
    return chart(
        "Within what time probes end",
        "Percentiles over all addresses. Half steady while 99 % climbs: some requests wait for something; "
        "all of them climb: the whole of it is slow.",
        [Query(expr=quantile(share, ONE_CHECK, "", RATE), legend=name) for share, name in shares.items()],
        SECONDS.with_(no_value=NOT_PROBED),
        overrides=[Override(query=letter, fields=Fields(colour=one)) for letter, one in shown.items()],
    )


def _slow_addresses() -> Panel:
    return chart(
        "95 % of probes, by address",
        "The 95th percentile of each address. One line above the others is a backend that is overloaded, far "
        "away, or cold: compare its phases and its neighbours.",
        [Query(expr=quantile(0.95, ONE_CHECK, WHO, RATE), legend=LEGEND)],
        SECONDS.with_(no_value=NOT_PROBED, shades=colours.BLUE),
    )
