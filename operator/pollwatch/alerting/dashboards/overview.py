"""The dashboard of all Checks: who is not Up, since when, from where, and what expires next."""

from pollwatch.alerting.dashboards import colours, links, variables, verdicts
from pollwatch.alerting.dashboards.dashboard import Dashboard, Row, Section
from pollwatch.alerting.dashboards.expressions import (
    ALL_CHECKS,
    AT_END,
    RANGE,
    RATE,
    SEVERITY,
    failing,
    failures,
    how_many,
    named_pool,
    quantile,
    severity,
    since,
    where_not_up,
)
from pollwatch.alerting.dashboards.fields import Fields, Override
from pollwatch.alerting.dashboards.looks import REASONS, SECONDS, SHARE, TIME_LEFT
from pollwatch.alerting.dashboards.panels import Panel, Query, chart, stat, timeline
from pollwatch.alerting.dashboards.tables import Column, Key, Table
from pollwatch.plan.states import Verdict

_NO_CHECKS = "No Check: apply one, or widen the choice above"
_WHO = "namespace, check, pool"
_WHERE = "pool, location"
_SOON = "5m"
_CERTIFICATES = 50
_ROWS = 40
"""How many Checks the timeline shows."""

_KEYS = (
    Key(label="namespace", name="Namespace", width=140),
    Key(label="check", name="Check", link=links.CHECK_OF_ROW),
    Key(label="pool", name="Pool", width=90),
)


def dashboard() -> Dashboard:
    """Build it."""
    return Dashboard(
        uid=links.OVERVIEW,
        title="Pollwatch / Overview",
        description="All Checks: who is not Up, since when, from where, and which certificate expires next.",
        variables=variables.MANY_CHECKS,
        annotations=verdicts.annotations(ALL_CHECKS),
        links=links.others(links.OVERVIEW),
        span="6h",
        sections=(
            Section(
                title="",
                rows=(
                    Row(
                        height=4, panels=((12, _counts()), (4, _failing_now()), (4, _slow()), (4, _expiry()))
                    ),
                    Row(height=8, panels=((24, _not_up()),)),
                    Row(height=10, panels=((24, _verdicts()),)),
                ),
            ),
            Section(
                title="Failures",
                rows=(Row(height=9, panels=((12, _failing_over_time()), (12, _reasons()))),),
            ),
            Section(
                title="By location, and what expires",
                rows=(
                    Row(height=6, panels=((24, _locations()),)),
                    Row(height=9, panels=((24, _certificates()),)),
                ),
            ),
            Section(title="All of them", rows=(Row(height=12, panels=((24, _every_check()),)),)),
        ),
    )


def _counts() -> Panel:
    shown = (Verdict.DOWN, Verdict.DEGRADED, Verdict.UNKNOWN, Verdict.UP)
    return stat(
        "Checks",
        "Each Check is counted once, by the worst that any of its pools finds. Down or Degraded: the table "
        "below names them. Unknown: Pollwatch could not judge, look at the dashboard of Pollwatch itself.",
        [Query(expr=how_many(verdict, ALL_CHECKS), legend=verdict) for verdict in shown],
        Fields(no_value="none: apply a Check", decimals=0),
        overrides=[
            Override(query=letter, fields=Fields(base=colours.NEUTRAL, steps=[(1, verdicts.COLOUR[verdict])]))
            for letter, verdict in zip("ABCD", shown, strict=True)
        ],
    )


def _failing_now() -> Panel:
    return stat(
        "Failing, last 5 min",
        "The share of all probes that were not a success. Above zero although every Check is Up: look for "
        "single failures by Check below.",
        [Query(expr=failing(ALL_CHECKS, "", _SOON))],
        SHARE.with_(no_value="no probes"),
    )


def _slow() -> Panel:
    return stat(
        "95 % end within",
        "The 95th percentile of all probes in the last five minutes. Much above the usual: the dashboard "
        "of a Check shows which phase takes the time.",
        [Query(expr=quantile(0.95, ALL_CHECKS, "", _SOON))],
        SECONDS.with_(no_value="no probes", colour=colours.GOOD),
    )


def _expiry() -> Panel:
    return stat(
        "Next expiry in",
        "The least time left of all certificates that were presented. Orange from 30 days, vermilion from "
        "7: the table of certificates says whose it is.",
        [Query(expr=f"min(probe_ssl_earliest_cert_expiry{{{ALL_CHECKS}}}) - time()")],
        TIME_LEFT.with_(no_value="none seen"),
    )


def _not_up() -> Panel:
    reasons = failures(ALL_CHECKS, f"{_WHO}, reason", _SOON)
    return Table(
        title="Not Up",
        description="Which Checks are not Up, since when and why, a row for each pool that sees it. "
        "Degraded: it fails for some people, the Check's own dashboard shows which address. "
        "Click on a Check to look at it.",
        keys=_KEYS,
        columns=[
            Column(
                expr=f"{severity(ALL_CHECKS, _WHO)} > 0",
                fields=verdicts.FIELDS.with_(name="Verdict"),
                filled=True,
                width=110,
            ),
            Column(
                expr=_not_up_only(since(ALL_CHECKS, _WHO)),
                fields=Fields(unit="dateTimeFromNow", name="Since"),
                width=150,
            ),
            Column(
                expr=_not_up_only(_of_check("pollwatch_check_targets_up")),
                fields=Fields(name="Targets up", decimals=0),
                width=100,
            ),
            Column(
                expr=_not_up_only(_of_check("pollwatch_check_targets")),
                fields=Fields(name="of", decimals=0),
                width=60,
            ),
            Column(
                expr=_not_up_only(failing(ALL_CHECKS, _WHO, _SOON)),
                fields=SHARE.with_(name="Failing, last 5 min"),
                gauge=True,
            ),
            Column(
                expr=_not_up_only(f"topk by ({_WHO}) (1, {reasons} > 0)"),
                fields=Fields(name="Most often for"),
                label="reason",
            ),
        ],
        no_value="Nothing: every Check that is chosen is Up (or none is there yet)",
        order="Verdict",
        descending=True,
        first=("Verdict",),
    ).panel()


def _not_up_only(expr: str) -> str:
    return where_not_up(expr, ALL_CHECKS, _WHO)


def _of_check(metric: str) -> str:
    return f"max by ({_WHO}) ({metric}{{{ALL_CHECKS}}})"


def _verdicts() -> Panel:
    began = f"pollwatch_check_last_transition_timestamp_seconds{{{ALL_CHECKS}}}[{RANGE}]{AT_END}"
    trouble = f"sum by ({_WHO}) (changes({began})) + on ({_WHO}) {severity(ALL_CHECKS, _WHO, AT_END)}"
    shown = f"{severity(ALL_CHECKS, _WHO)} and on ({_WHO}) topk({_ROWS}, {trouble})"
    return timeline(
        f"Verdicts (the {_ROWS} Checks with most trouble)",
        "How the verdicts went, a row for each Check and pool. Click on a bar to look at that Check. Rows "
        "that change at the same moment usually share a cause: a network, a gateway, a name server.",
        [Query(expr=shown, legend="{{namespace}}/{{check}} {{pool}}")],
        verdicts.FIELDS.with_(no_value=_NO_CHECKS, links=[links.CHECK_OF_SERIES]),
    )


def _failing_over_time() -> Panel:
    share = failing(ALL_CHECKS, "namespace, check", RATE)
    most = failing(ALL_CHECKS, "namespace, check", RANGE, AT_END)
    return chart(
        "Share of failures, the ten worst",
        "Of the probes of a Check, how many failed: a share that stays low and never ends is one bad "
        "backend behind a load balancer. Click on a line to look at that Check.",
        [Query(expr=f"{share} and on (namespace, check) topk(10, {most})", legend="{{namespace}}/{{check}}")],
        SHARE.with_(no_value=_NO_CHECKS, links=[links.CHECK_OF_SERIES]),
        limits=True,
    )


def _reasons() -> Panel:
    return chart(
        "Failures by reason",
        "Why probes failed. DNS..., Connect... and TLS... are the way there; Unexpected... is what the "
        "site answered; EgressDenied, ResourcesExhausted and Internal are Pollwatch's own trouble, and not "
        "the site's.",
        [Query(expr=failures(ALL_CHECKS, "reason", RATE), legend="{{reason}}")],
        Fields(unit="short", lowest=0, no_value="No failures"),
        stacked="bars",
        overrides=REASONS,
    )


def _locations() -> Panel:
    worst = severity(ALL_CHECKS, f"namespace, check, {_WHERE}")

    def counted(verdict: Verdict) -> str:
        return named_pool(f"sum by ({_WHERE}) ({worst} == bool {SEVERITY[verdict]})")

    return Table(
        title="By pool and location",
        description="The same Checks as each pool sees them (and its label `location`, where it has one). "
        "One pool that sees trouble where the others see none: it is the way from there, or "
        "that pool's own network.",
        keys=[
            Key(label="pool", name="Pool", link=links.WORKERS, width=80),
            Key(label="location", name="Location"),
        ],
        columns=[
            *(
                Column(
                    expr=counted(verdict),
                    fields=Fields(
                        name=verdict, decimals=0, base="transparent", steps=[(1, verdicts.COLOUR[verdict])]
                    ),
                    filled=True,
                    width=85,
                )
                for verdict in (Verdict.DOWN, Verdict.DEGRADED, Verdict.UNKNOWN, Verdict.UP)
            ),
            Column(
                expr=named_pool(failing(ALL_CHECKS, _WHERE, _SOON)),
                fields=SHARE.with_(name="Failing, last 5 min"),
                gauge=True,
                width=150,
            ),
            Column(
                expr=named_pool(quantile(0.95, ALL_CHECKS, _WHERE, _SOON)),
                fields=SECONDS.with_(name="95 % within"),
                width=100,
            ),
        ],
        no_value=_NO_CHECKS,
        order="Down",
        descending=True,
    ).panel()


def _certificates() -> Panel:
    who = "namespace, check, target"
    expires = f"bottomk({_CERTIFICATES}, min by ({who}) (probe_ssl_earliest_cert_expiry{{{ALL_CHECKS}}}))"
    return Table(
        title="Certificates by expiry",
        description=f"The {_CERTIFICATES} that expire first, of all that servers presented (the chain's "
        "earliest counts). Renew what is orange; what is vermilion will be an outage within "
        "the week.",
        keys=(*_KEYS[:2], Key(label="target", name="Target")),
        columns=[
            Column(
                expr=f"{expires} - time()", fields=TIME_LEFT.with_(name="Time left"), filled=True, width=100
            ),
            Column(expr=f"{expires} * 1000", fields=Fields(unit="dateTimeAsIso", name="Expires"), width=160),
        ],
        no_value="No certificate seen: a Check of an https:// URL, or of TCP with tls, shows one",
        order="Time left",
    ).panel()


def _every_check() -> Panel:
    return Table(
        title="Every Check",
        description="All Checks that are chosen, by each pool that probes them. Click on a column's "
        "heading to sort, on a Check to look at it.",
        keys=_KEYS,
        columns=[
            Column(
                expr=severity(ALL_CHECKS, _WHO),
                fields=verdicts.FIELDS.with_(name="Verdict"),
                filled=True,
                width=110,
            ),
            Column(expr=since(ALL_CHECKS, _WHO), fields=Fields(unit="dateTimeFromNow", name="Since")),
            Column(
                expr=failing(ALL_CHECKS, _WHO, RANGE),
                fields=SHARE.with_(name="Failing, time range", decimals=2),
                gauge=True,
            ),
            # Of five minutes: a histogram of the whole range is a lot to read for thousands of Checks.
            Column(
                expr=quantile(0.95, ALL_CHECKS, _WHO, _SOON),
                fields=SECONDS.with_(name="95 % within, last 5 min"),
            ),
        ],
        no_value=_NO_CHECKS,
        order="Verdict",
        descending=True,
        first=("Verdict",),
    ).panel()
