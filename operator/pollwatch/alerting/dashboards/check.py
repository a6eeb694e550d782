"""The dashboard of one Check: which address fails, what it answers, and where the time goes."""

from pollwatch.alerting.dashboards import check_addresses, check_latency, colours, links, variables, verdicts
from pollwatch.alerting.dashboards.check_words import NOT_PROBED, SOON
from pollwatch.alerting.dashboards.dashboard import Dashboard, Row, Section
from pollwatch.alerting.dashboards.expressions import ONE_CHECK, failing, or_row, quantile, severity, since
from pollwatch.alerting.dashboards.fields import Fields, Override, Word
from pollwatch.alerting.dashboards.looks import SECONDS, SHARE, TIME_LEFT
from pollwatch.alerting.dashboards.panels import Panel, Query, alert_list, chart, stat, timeline
from pollwatch.alerting.dashboards.tables import Column, Key, Table


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
                    Row(height=6, panels=((8, _verdicts()), (8, _alerts()), (8, _grafana_alerts()))),
                ),
            ),
            *check_addresses.sections(),
            check_latency.section(),
            Section(
                title="Targets and certificates",
                rows=(Row(height=8, panels=((8, _targets()), (16, _tls()))),),
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
            steps=[(0.0001, colours.WARNING), (1, colours.GOOD)],
            no_value="not probed",
        ),
    )


def _failing_now() -> Panel:
    return stat(
        "Failing, last 5 min",
        "The share of probes of all addresses and pools that were not a success. Above zero while the "
        "verdict is Up: it fails now and then, see the reasons below.",
        [Query(expr=failing(ONE_CHECK, "", SOON))],
        SHARE.with_(no_value="no probes"),
    )


def _slow() -> Panel:
    return stat(
        "95 % end within",
        "The 95th percentile of how long its probes took in the last five minutes. Much above the usual: the "
        "phases below show what takes the time.",
        [Query(expr=quantile(0.95, ONE_CHECK, "", SOON))],
        SECONDS.with_(no_value="no probes", colour=colours.GOOD),
    )


def _expiry() -> Panel:
    return stat(
        "Certificate expires in",
        "The least time left of the certificates of all its addresses. Orange from 30 days, vermilion from "
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
        verdicts.FIELDS.with_(no_value=NOT_PROBED),
    )


def _alerts() -> Panel:
    mine = 'namespace="$namespace",check="$check"'
    state = f'2 * ALERTS{{alertstate="firing",{mine}}} or ALERTS{{alertstate="pending",{mine}}}'
    return timeline(
        "Alerts",
        "Alerts of this Check that Prometheus evaluates. Pending: the condition holds, its time is not up "
        "yet. Firing: it was sent; the alert's runbook says what to do.",
        [
            Query(
                expr=or_row(f"max by (alertname) ({state})", "alertname", "no alert", unless=f"({state})"),
                legend="{{alertname}}",
            )
        ],
        Fields(
            words={
                -1: Word(text="neither pending nor firing", colour=colours.NEUTRAL),
                1: Word(text="pending", colour=colours.YELLOW),
                2: Word(text="firing", colour=colours.BAD),
            },
            no_value="No alert of this Check was pending or firing (or Prometheus has no rules of Pollwatch)",
        ),
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
        Fields(unit="none", lowest=0, no_value=NOT_PROBED),
        overrides=[
            Override(query="A", fields=Fields(colour=colours.NEUTRAL)),
            Override(query="B", fields=Fields(colour=colours.BLUE)),
        ],
    )


def _tls() -> Panel:
    versions = f"max by (target, address, version) (probe_tls_version_info{{{ONE_CHECK}}})"
    ciphers = f"max by (target, address, cipher) (probe_tls_cipher_info{{{ONE_CHECK}}})"
    return Table(
        title="TLS",
        description="What was agreed on in the last handshake with each address, and when its certificate "
        "expires. Addresses that differ were set up or renewed at different times.",
        keys=[Key(label="target", name="Target"), Key(label="address", name="Address")],
        columns=[
            Column(
                expr=versions,
                fields=Fields(name="Version"),
                label="version",
            ),
            Column(expr=ciphers, fields=Fields(name="Cipher suite"), label="cipher"),
            Column(
                expr=f"min by (target, address) (probe_ssl_earliest_cert_expiry{{{ONE_CHECK}}}) * 1000",
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
