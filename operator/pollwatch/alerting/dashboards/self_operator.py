"""The dashboard of Pollwatch itself: is it heard, by the operator, the API server and Prometheus."""

from pollwatch.alerting.dashboards import colours, links
from pollwatch.alerting.dashboards.dashboard import Row, Section
from pollwatch.alerting.dashboards.expressions import RATE
from pollwatch.alerting.dashboards.fields import Fields, Link, Override
from pollwatch.alerting.dashboards.looks import SECONDS
from pollwatch.alerting.dashboards.panels import Panel, Query, chart
from pollwatch.alerting.dashboards.self_queries import (
    NO_OPERATOR,
    NO_POOLS,
    NOT_SCRAPED,
    OPERATORS,
    PROCESS,
    PROCESS_LEGEND,
    WORKER_LEGEND,
    WORKERS,
    grown_by_operator,
    led,
)


def section() -> Section:
    """Build the part about feeds and the API server."""
    return Section(
        title="And is it heard",
        rows=(
            Row(height=8, panels=((8, _feed_lag()), (8, _feed_trouble()), (8, _scrapes()))),
            Row(height=8, panels=((8, _calls()), (8, _call_seconds()), (8, _writes()))),
            Row(height=8, panels=((8, _queues()), (8, _watch()), (8, _resync_age()))),
        ),
    )


def _feed_lag() -> Panel:
    checks_of_pool = Link(
        title="Checks of this pool",
        url=f"/d/{links.OVERVIEW}?var-pool=${{__field.labels.pool}}&{links.KEPT}",
    )
    lag = led("pollwatch_operator_feed_lag_seconds")
    return chart(
        "Feed lag by worker",
        "How far the leader's knowledge of each worker is behind. One worker: it, or the way to it, is gone. "
        "All: the leader or its network. Metrics go on; status and Events wait.",
        [Query(expr=f"max by (pool, worker) ({lag})", legend=WORKER_LEGEND)],
        SECONDS.with_(
            shades=colours.BLUE,
            steps=[(10, colours.WARNING), (30, colours.BAD)],
            no_value=NO_POOLS,
            links=[checks_of_pool],
        ),
        limits=True,
    )


def _feed_trouble() -> Panel:
    kinds = {
        "failed reads": "pollwatch_operator_feed_errors_total",
        "states lost": "pollwatch_operator_feed_lost_states_total",
        "restarts": "pollwatch_operator_worker_restarts_total",
    }
    # One query: where nothing of a kind ever happened, there is no series of it.
    named = (
        f'label_replace({grown_by_operator(metric, "pool, worker")}, "kind", "{kind}", "", "")'
        for kind, metric in kinds.items()
    )
    return chart(
        "Trouble with feeds",
        "Reads of a feed that failed, states that were overwritten before they were read, and workers that "
        "were started anew. Restarts: kubectl describe pod says why the last one ended.",
        [Query(expr=" or ".join(named), legend="{{worker}}: {{kind}}")],
        Fields(
            unit="short", decimals=0, lowest=0, shades=colours.VERMILION, no_value="No trouble, or no pools"
        ),
        stacked="bars",
    )


def _scrapes() -> Panel:
    scrapes = f"rate(pollwatch_worker_scrapes_total{{{WORKERS}}}[{RATE}])"
    return chart(
        "Scrapes by outcome",
        "How scrapes of the workers ended. Those that did not succeed leave gaps in every chart: raise "
        "Prometheus's scrape_timeout, or look at the network between them.",
        [Query(expr=f"sum by (outcome) ({scrapes})", legend="{{outcome}}")],
        Fields(unit="cps", lowest=0, shades=colours.BLUE, no_value=NOT_SCRAPED),
    )


def _calls() -> Panel:
    calls = f"rate(pollwatch_operator_api_requests_total{{{OPERATORS}}}[{RATE}])"
    return chart(
        "Calls of the Kubernetes API",
        "By verb and status code; 0 is no answer. 403: rights are missing, apply the RBAC of this version. "
        "409 now and then is well. 429: the API server asks to be spared.",
        [Query(expr=f"sum by (verb, code) ({calls})", legend="{{verb}} {{code}}")],
        Fields(unit="reqps", lowest=0, shades=colours.BLUE, no_value=NO_OPERATOR),
        stacked="lines",
    )


def _call_seconds() -> Panel:
    buckets = f"rate(pollwatch_operator_api_request_duration_seconds_bucket{{{OPERATORS}}}[{RATE}])"
    return chart(
        "Calls end within, 99 %",
        "How long calls of the Kubernetes API take, by verb. All of them above a second: the API server or "
        "etcd is slow, and status follows late.",
        [Query(expr=f"histogram_quantile(0.99, sum by (verb, le) ({buckets}))", legend="{{verb}}")],
        SECONDS.with_(shades=colours.BLUE, steps=[(1, colours.WARNING)], no_value=NO_OPERATOR),
        limits=True,
    )


def _writes() -> Panel:
    writes = f"rate(pollwatch_operator_status_writes_total{{{OPERATORS}}}[{RATE}])"
    events = f"rate(pollwatch_operator_events_total{{{OPERATORS}}}[{RATE}])"
    return chart(
        "Status writes and Events",
        "What the operator says in the cluster, by outcome. Steadily many: some Checks flap, see the "
        "timeline of the overview. refused: rights are missing.",
        [
            Query(expr=f"sum by (outcome) ({writes})", legend="status {{outcome}}"),
            Query(expr=f"sum by (outcome) ({events})", legend="Events {{outcome}}"),
        ],
        Fields(unit="cps", lowest=0, shades=colours.BLUE, no_value=NO_OPERATOR),
    )


def _queues() -> Panel:
    return chart(
        "Queues",
        "Checks that wait to be compiled, and to have their status written. A queue that does not empty: the "
        "API server is slow, or rates are limited; status follows late, probing does not.",
        [Query(expr=f"max by (queue) (pollwatch_operator_queue_depth{{{OPERATORS}}})", legend="{{queue}}")],
        Fields(unit="none", lowest=0, shades=colours.BLUE, no_value=NO_OPERATOR),
    )


def _watch() -> Panel:
    events = f"rate(pollwatch_operator_watch_events_total{{{OPERATORS}}}[{RATE}])"
    restarts = f"increase(pollwatch_operator_watch_restarts_total{{{OPERATORS}}}[{RATE}])"
    errors = f"increase(pollwatch_operator_reconcile_errors_total{{{OPERATORS}}}[{RATE}])"
    return chart(
        "Watches",
        "Objects that watches delivered, times that the watch broke down, and Checks that met a defect. "
        "Restarts in a row: the way to the API server. A defect: please report it with the operator's log.",
        [
            Query(expr=f"sum by (kind) ({events})", legend="{{kind}}"),
            Query(expr=f"sum({restarts})", legend="restarts"),
            Query(expr=f"sum({errors})", legend="defects"),
        ],
        Fields(unit="short", lowest=0, shades=colours.BLUE, no_value=NO_OPERATOR),
        overrides=[
            Override(query="B", fields=Fields(colour=colours.ORANGE)),
            Override(query="C", fields=Fields(colour=colours.VERMILION)),
        ],
    )


def _resync_age() -> Panel:
    succeeded = f"pollwatch_operator_resync_timestamp_seconds{{{OPERATORS}}}"
    return chart(
        "Last full list",
        "How long ago each operator listed everything anew, to find what a broken watch missed. Growing "
        "beyond the usual: lists fail, see the calls of the API.",
        [Query(expr=f"time() - max by ({PROCESS}) ({succeeded} > 0)", legend=PROCESS_LEGEND)],
        SECONDS.with_(shades=colours.BLUE, no_value=NO_OPERATOR),
    )
