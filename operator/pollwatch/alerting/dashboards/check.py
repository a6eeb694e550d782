"""The dashboard of one Check: which address fails, what it answers, and where the time goes."""

from pollwatch.alerting.dashboards import colours, links, variables, verdicts
from pollwatch.alerting.dashboards.dashboard import Dashboard, Row, Section
from pollwatch.alerting.dashboards.expressions import (
    ONE_CHECK,
    RATE,
    failing,
    failures,
    quantile,
    severity,
    since,
)
from pollwatch.alerting.dashboards.fields import Fields, Override, Span, Word
from pollwatch.alerting.dashboards.looks import PHASES, SECONDS, SHARE, TIME_LEFT
from pollwatch.alerting.dashboards.panels import Panel, Query, alert_list, chart, heatmap, stat, timeline
from pollwatch.alerting.dashboards.tables import Column, Key, Table

_SOON = "5m"
_NOT_PROBED = "Not probed: does the Check exist, and is it Accepted? kubectl describe check"
_WHO = "pool, target, address"
_LEGEND = "{{target}} {{address}} {{pool}}"


def dashboard() -> Dashboard:
    """Build it."""
    return Dashboard(
        uid=links.CHECK,
        title="Pollwatch / Check",
        description="One Check: its verdict, its addresses side by side, what they answer and how fast.",
        variables=variables.ONE_CHECK,
        annotations=verdicts.annotations(ONE_CHECK),
        links=links.others(links.CHECK),
        span="3h",
        sections=(
            Section(
                title="",
                rows=(
                    Row(
                        height=4,
                        panels=(
                            (4, _verdict()),
                            (4, _since()),
                            (4, _targets_now()),
                            (4, _failing_now()),
                            (4, _slow()),
                            (4, _expiry()),
                        ),
                    ),
                    Row(height=5, panels=((12, _verdicts()), (12, _alerts()))),
                ),
            ),
            Section(
                title="Addresses side by side",
                rows=(
                    Row(height=8, panels=((24, _addresses()),)),
                    Row(height=8, panels=((12, _outcomes()), (12, _failing_addresses()))),
                ),
            ),
            Section(
                title="What it answers",
                rows=(Row(height=8, panels=((12, _status_codes()), (12, _reasons()))),),
            ),
            Section(
                title="Where the time goes",
                rows=(
                    Row(height=9, panels=((12, _phases()), (12, _heatmap()))),
                    Row(height=9, panels=((12, _quantiles()), (12, _slow_addresses()))),
                ),
            ),
            Section(
                title="Targets and alerts",
                rows=(Row(height=8, panels=((8, _targets()), (8, _tls()), (8, _grafana_alerts()))),),
            ),
        ),
    )


def _verdict() -> Panel:
    return stat(
        "Verdict",
        "The worst of what its pools find. Degraded: the table of addresses shows which one fails. Unknown: "
        "Pollwatch could not probe, look at the dashboard of Pollwatch itself.",
        [Query(expr=severity(ONE_CHECK, "namespace, check"))],
        verdicts.FIELDS.with_(no_value="not probed"),
    )


def _since() -> Panel:
    return stat(
        "Since",
        "When this verdict began. Compare it with your deployments, and with the marks on the charts below.",
        [Query(expr=since(ONE_CHECK, "namespace, check"))],
        Fields(unit="dateTimeFromNow", colour=colours.NEUTRAL, no_value="not probed"),
    )


def _targets_now() -> Panel:
    up, targets = (f"pollwatch_check_{metric}{{{ONE_CHECK}}}" for metric in ("targets_up", "targets"))
    return stat(
        "Targets up",
        "The share of targets that are Up, as the pool that sees fewest of them has it. Below 100 %: some of "
        "the people who come here meet what fails.",
        [Query(expr=f"min({up} / {targets})")],
        Fields(
            unit="percentunit",
            decimals=0,
            lowest=0,
            highest=1,
            base=colours.BAD,
            steps=[(0.0001, colours.WORSE), (1, colours.GOOD)],
            no_value="not probed",
        ),
    )


def _failing_now() -> Panel:
    return stat(
        "Failing, last 5 min",
        "The share of probes of all addresses and pools that were not a success. Above zero while the "
        "verdict is Up: it fails now and then, see the reasons below.",
        [Query(expr=failing(ONE_CHECK, "", _SOON))],
        SHARE.with_(no_value="no probes"),
    )


def _slow() -> Panel:
    return stat(
        "95 % end within",
        "The 95th percentile of how long its probes took in the last five minutes. Much above the usual: the "
        "phases below show what takes the time.",
        [Query(expr=quantile(0.95, ONE_CHECK, "", _SOON))],
        SECONDS.with_(no_value="no probes", colour=colours.GOOD, decimals=2),
    )


def _expiry() -> Panel:
    return stat(
        "Certificate expires in",
        "The least time left of the certificates of all its addresses. Yellow from 30 days, vermilion from "
        "7: renew it, on every backend.",
        [Query(expr=f"min(probe_ssl_earliest_cert_expiry{{{ONE_CHECK}}}) - time()")],
        TIME_LEFT.with_(no_value="no TLS"),
    )


def _verdicts() -> Panel:
    return timeline(
        "Verdict by pool",
        "How the verdict went, a row for each pool. Where only one pool sees trouble, look at the way from "
        "there before you look at the site.",
        [Query(expr=severity(ONE_CHECK, "check, pool"), legend="{{check}} {{pool}}")],
        verdicts.FIELDS.with_(no_value=_NOT_PROBED),
    )


def _alerts() -> Panel:
    mine = 'namespace="$namespace",check="$check"'
    state = f'2 * ALERTS{{alertstate="firing",{mine}}} or ALERTS{{alertstate="pending",{mine}}}'
    return timeline(
        "Alerts",
        "Alerts of this Check that Prometheus evaluates. Pending: the condition holds, its time is not up "
        "yet. Firing: it was sent; the alert's runbook says what to do.",
        [Query(expr=f"max by (alertname) ({state})", legend="{{alertname}}")],
        Fields(
            words={
                1: Word(text="pending", colour=colours.WORSE),
                2: Word(text="firing", colour=colours.BAD),
            },
            base=colours.NEUTRAL,
            steps=[(1, colours.WORSE), (2, colours.BAD)],
            no_value="No alert of this Check was pending or firing (or Prometheus has no rules of Pollwatch)",
        ),
    )


def _addresses() -> Panel:
    reasons = failures(ONE_CHECK, f"{_WHO}, reason", _SOON)
    return Table(
        title="Addresses",
        description="Each target and address as each pool sees it, the worst first. One that fails or is "
        "slow beside others that are well: take that backend out of service, and look at it. "
        "There is one row only where the Check has not `resolve: EachAddress`.",
        keys=[
            Key(label="target", name="Target"),
            Key(label="address", name="Address"),
            Key(label="pool", name="Pool"),
        ],
        columns=[
            Column(
                expr=f"min by ({_WHO}) (probe_success{{{ONE_CHECK}}})",
                fields=_OUTCOME.with_(name="Last probe"),
                filled=True,
                width=110,
            ),
            Column(
                expr=failing(ONE_CHECK, _WHO, _SOON),
                fields=SHARE.with_(name="Failing, last 5 min"),
                gauge=True,
            ),
            Column(
                expr=f"topk by ({_WHO}) (1, {reasons} > 0)",
                fields=Fields(name="Most often for"),
                label="reason",
            ),
            Column(
                expr=f"max by ({_WHO}) (probe_http_status_code{{{ONE_CHECK}}})",
                fields=_CODE.with_(name="Status code"),
                coloured=True,
            ),
            Column(
                expr=quantile(0.5, ONE_CHECK, _WHO, _SOON),
                fields=SECONDS.with_(name="Half within", decimals=3),
            ),
            Column(
                expr=quantile(0.95, ONE_CHECK, _WHO, _SOON),
                fields=SECONDS.with_(name="95 % within", decimals=3),
            ),
            Column(
                expr=f"min by ({_WHO}) (probe_ssl_earliest_cert_expiry{{{ONE_CHECK}}}) - time()",
                fields=TIME_LEFT.with_(name="Certificate"),
                coloured=True,
            ),
        ],
        no_value=_NOT_PROBED,
        order="Failing, last 5 min",
        descending=True,
        first=("Last probe",),
    ).panel()


_OUTCOME = Fields(
    words={0: Word(text="failed", colour=colours.BAD), 1: Word(text="succeeded", colour=colours.GOOD)},
    base=colours.BAD,
    steps=[(1, colours.GOOD)],
)


_CODE = Fields(
    decimals=0,
    words={0: Word(text="no answer", colour=colours.BAD)},
    spans=[
        Span(first=100, last=199, word=Word(text="", colour=colours.SKY_BLUE)),
        Span(first=200, last=299, word=Word(text="", colour=colours.GOOD)),
        Span(first=300, last=399, word=Word(text="", colour=colours.SKY_BLUE)),
        Span(first=400, last=499, word=Word(text="", colour=colours.ORANGE)),
        Span(first=500, last=599, word=Word(text="", colour=colours.BAD)),
    ],
)
"""Status codes: the number is always there, the colour tells the class."""


def _outcomes() -> Panel:
    return timeline(
        "Outcome by address",
        "Whether the last probe before each moment was a success. One row that fails among others: one bad "
        "backend. All at the same moment: what they share.",
        [
            Query(
                expr=f"min by ({_WHO}) (min_over_time(probe_success{{{ONE_CHECK}}}[{RATE}]))", legend=_LEGEND
            )
        ],
        _OUTCOME.with_(no_value=_NOT_PROBED),
    )


def _failing_addresses() -> Panel:
    return chart(
        "Share of failures by address",
        "Of the probes of each address, how many failed; every probe counts, also those between two scrapes. "
        "A line that stands apart is the backend to look at.",
        [Query(expr=failing(ONE_CHECK, _WHO, RATE), legend=_LEGEND)],
        SHARE.with_(no_value=_NOT_PROBED),
        limits=True,
    )


def _status_codes() -> Panel:
    return timeline(
        "Status codes by address",
        "What HTTP answered, by address; 0 is no answer at all. 5xx is the backend's own trouble, 403 and "
        "429 may be its dislike of being probed: let Pollwatch through.",
        [Query(expr=f"max by ({_WHO}) (probe_http_status_code{{{ONE_CHECK}}})", legend=_LEGEND)],
        _CODE.with_(no_value="No HTTP here: a TCP Check has no status codes"),
    )


def _reasons() -> Panel:
    return chart(
        "Failures by reason",
        "Why probes failed. The reference of troubleshooting has each reason with what to do; EgressDenied, "
        "ResourcesExhausted and Internal are Pollwatch's own.",
        [Query(expr=failures(ONE_CHECK, "reason", RATE), legend="{{reason}}")],
        Fields(unit="short", decimals=0, lowest=0, shades=colours.VERMILION, no_value="No failures"),
        stacked="bars",
    )


def _phases() -> Panel:
    http = f"avg_over_time(probe_http_duration_seconds{{{ONE_CHECK}}}[{RATE}])"
    tcp = f"avg_over_time(probe_tcp_duration_seconds{{{ONE_CHECK}}}[{RATE}])"
    return chart(
        "Phases",
        "How long each phase takes, on average of all addresses. resolve: the name servers; connect: the "
        "network; tls: the handshake; processing: the backend's work; transfer: the size of the answer.",
        [Query(expr=f"avg by (phase) ({http} or {tcp})", legend="{{phase}}")],
        SECONDS.with_(no_value=_NOT_PROBED),
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
        no_value=_NOT_PROBED,
    )


def _quantiles() -> Panel:
    shares = {0.5: "half", 0.95: "95 %", 0.99: "99 %"}
    shown = dict(zip("ABC", (colours.SKY_BLUE, colours.BLUE, colours.ORANGE), strict=True))
    return chart(
        "Within what time probes end",
        "Percentiles over all addresses. Half steady while 99 % climbs: some requests wait for something; "
        "all of them climb: the whole of it is slow.",
        [Query(expr=quantile(share, ONE_CHECK, "", RATE), legend=name) for share, name in shares.items()],
        SECONDS.with_(no_value=_NOT_PROBED),
        overrides=[Override(query=letter, fields=Fields(colour=one)) for letter, one in shown.items()],
    )


def _slow_addresses() -> Panel:
    return chart(
        "95 % of probes, by address",
        "The 95th percentile of each address. One line above the others is a backend that is overloaded, far "
        "away, or cold: compare its phases and its neighbours.",
        [Query(expr=quantile(0.95, ONE_CHECK, _WHO, RATE), legend=_LEGEND)],
        SECONDS.with_(no_value=_NOT_PROBED, shades=colours.BLUE),
    )


def _targets() -> Panel:
    return chart(
        "Targets",
        "How many targets there are, and how many of them are Up. Where the number itself moves, the name "
        "resolves to other addresses than before.",
        [
            Query(expr=f"max(pollwatch_check_targets{{{ONE_CHECK}}})", legend="targets"),
            Query(expr=f"min(pollwatch_check_targets_up{{{ONE_CHECK}}})", legend="up"),
        ],
        Fields(unit="none", decimals=0, lowest=0, no_value=_NOT_PROBED),
        overrides=[
            Override(query="A", fields=Fields(colour=colours.NEUTRAL)),
            Override(query="B", fields=Fields(colour=colours.BLUE)),
        ],
    )


def _tls() -> Panel:
    who = f"{_WHO}, version"
    ciphers = f"max by ({_WHO}, cipher) (probe_tls_cipher_info{{{ONE_CHECK}}})"
    return Table(
        title="TLS",
        description="What was agreed on in the last handshake with each address, and when its certificate "
        "expires. Addresses that differ were set up or renewed at different times.",
        keys=[Key(label="target", name="Target"), Key(label="address", name="Address")],
        columns=[
            Column(
                expr=f"max by ({who}) (probe_tls_version_info{{{ONE_CHECK}}})",
                fields=Fields(name="Version"),
                label="version",
            ),
            Column(expr=ciphers, fields=Fields(name="Cipher suite"), label="cipher"),
            Column(
                expr=f"min by ({_WHO}) (probe_ssl_earliest_cert_expiry{{{ONE_CHECK}}}) * 1000",
                fields=Fields(unit="dateTimeAsIso", name="Expires"),
            ),
        ],
        no_value="No handshake: the Check does not use TLS, or none has succeeded",
        order="Expires",
    ).panel()


def _grafana_alerts() -> Panel:
    return alert_list(
        "Alerts that Grafana knows",
        "Alerts of this Check that Grafana evaluates itself, and those that its data sources tell it of. "
        "Click on one to see its annotations, or to silence it while you work on it.",
        labels='{namespace="$namespace",check="$check"}',
        no_value="No alert of this Check",
    )
