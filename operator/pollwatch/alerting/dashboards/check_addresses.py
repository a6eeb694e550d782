"""The dashboard of one Check: its addresses side by side, so that the one bad backend stands out."""

from pollwatch.alerting.dashboards import colours
from pollwatch.alerting.dashboards.check_words import LEGEND, NOT_PROBED, SOON, WHO
from pollwatch.alerting.dashboards.dashboard import Row, Section
from pollwatch.alerting.dashboards.expressions import (
    AT_END,
    ONE_CHECK,
    RATE,
    failing,
    failures,
    or_row,
    quantile,
)
from pollwatch.alerting.dashboards.fields import Fields, Span, Word
from pollwatch.alerting.dashboards.looks import REASONS, SECONDS, SHARE, TIME_LEFT
from pollwatch.alerting.dashboards.panels import Panel, Query, chart, timeline
from pollwatch.alerting.dashboards.tables import Column, Key, Table

_OUTCOME = Fields(
    words={0: Word(text="failed", colour=colours.BAD), 1: Word(text="succeeded", colour=colours.GOOD)},
)


_CODE = Fields(
    decimals=0,
    words={
        -1: Word(text="a TCP Check has none", colour=colours.NEUTRAL),
        0: Word(text="no answer", colour=colours.BAD),
    },
    spans=[
        Span(first=100, last=199, word=Word(text="", colour=colours.SKY_BLUE)),
        Span(first=200, last=299, word=Word(text="", colour=colours.GOOD)),
        Span(first=300, last=399, word=Word(text="", colour=colours.SKY_BLUE)),
        Span(first=400, last=499, word=Word(text="", colour=colours.ORANGE)),
        Span(first=500, last=599, word=Word(text="", colour=colours.BAD)),
    ],
)
"""Status codes: the number is always there, the colour tells the class."""


def sections() -> tuple[Section, ...]:
    """Build the parts of the dashboard that compare addresses."""
    return (
        Section(
            title="Addresses side by side",
            rows=(
                Row(height=11, panels=((24, _addresses()),)),
                Row(height=8, panels=((12, _outcomes()), (12, _failing_addresses()))),
            ),
        ),
        Section(
            title="What it answers",
            rows=(Row(height=8, panels=((12, _status_codes()), (12, _reasons()))),),
        ),
    )


def _addresses() -> Panel:
    reasons = failures(ONE_CHECK, f"{WHO}, reason", SOON)
    return Table(
        title="Addresses",
        description="Each target and address as each pool sees it, the worst first. One that fails or is "
        "slow beside others that are well: take that backend out of service, and look at it. "
        "There is one row only where the Check has not `resolve: EachAddress`.",
        keys=[
            Key(label="target", name="Target"),
            Key(label="address", name="Address", width=130),
            Key(label="pool", name="Pool", width=80),
        ],
        columns=[
            Column(
                expr=f"min by ({WHO}) (probe_success{{{ONE_CHECK}}})",
                fields=_OUTCOME.with_(name="Last probe"),
                filled=True,
                width=110,
            ),
            Column(
                expr=failing(ONE_CHECK, WHO, SOON),
                fields=SHARE.with_(name="Failing, last 5 min"),
                gauge=True,
                width=160,
            ),
            Column(
                expr=f"topk by ({WHO}) (1, {reasons} > 0)",
                fields=Fields(name="Most often for"),
                label="reason",
                width=150,
            ),
            Column(
                expr=f"max by ({WHO}) (probe_http_status_code{{{ONE_CHECK}}})",
                fields=_CODE.with_(name="Status code"),
                coloured=True,
                width=100,
            ),
            Column(
                expr=quantile(0.5, ONE_CHECK, WHO, SOON),
                fields=SECONDS.with_(name="Half within"),
                width=100,
            ),
            Column(
                expr=quantile(0.95, ONE_CHECK, WHO, SOON),
                fields=SECONDS.with_(name="95 % within"),
                width=100,
            ),
            Column(
                expr=f"min by ({WHO}) (probe_ssl_earliest_cert_expiry{{{ONE_CHECK}}}) - time()",
                fields=TIME_LEFT.with_(name="Certificate"),
                coloured=True,
                width=100,
            ),
        ],
        no_value=NOT_PROBED,
        order="Failing, last 5 min",
        descending=True,
        first=("Last probe",),
    ).panel()


def _outcomes() -> Panel:
    return timeline(
        "Outcome by address",
        "Whether the last probe before each moment was a success. One row that fails among others: one bad "
        "backend. All at the same moment: what they share.",
        [Query(expr=f"min by ({WHO}) (min_over_time(probe_success{{{ONE_CHECK}}}[{RATE}]))", legend=LEGEND)],
        _OUTCOME.with_(no_value=NOT_PROBED),
    )


def _failing_addresses() -> Panel:
    return chart(
        "Share of failures by address",
        "Of the probes of each address, how many failed; every probe counts, also those between two scrapes. "
        "A line that stands apart is the backend to look at.",
        [Query(expr=failing(ONE_CHECK, WHO, RATE), legend=LEGEND)],
        SHARE.with_(no_value=NOT_PROBED),
        limits=True,
    )


def _status_codes() -> Panel:
    latest = f"probe_http_status_code{{{ONE_CHECK}}}{AT_END}"
    codes = f"max by ({WHO}) (probe_http_status_code{{{ONE_CHECK}}})"
    return timeline(
        "Status codes by address",
        "What HTTP answered, by address; 0 is no answer at all. 5xx is the backend's own trouble, 403 and "
        "429 may be its dislike of being probed: let Pollwatch through.",
        [Query(expr=or_row(codes, "target", "no HTTP", unless=latest), legend=LEGEND)],
        _CODE.with_(no_value="No HTTP here: a TCP Check has no status codes"),
    )


def _reasons() -> Panel:
    return chart(
        "Failures by reason",
        "Why probes failed. The reference of troubleshooting has each reason with what to do; EgressDenied, "
        "ResourcesExhausted and Internal are Pollwatch's own.",
        [Query(expr=failures(ONE_CHECK, "reason", RATE), legend="{{reason}}")],
        Fields(unit="short", lowest=0, no_value="No failures"),
        stacked="bars",
        overrides=REASONS,
    )
