"""The dashboard of Pollwatch itself: does it probe in time."""

from pollwatch.alerting.dashboards import colours
from pollwatch.alerting.dashboards.dashboard import Row, Section
from pollwatch.alerting.dashboards.expressions import RATE
from pollwatch.alerting.dashboards.fields import Fields
from pollwatch.alerting.dashboards.looks import SECONDS
from pollwatch.alerting.dashboards.panels import Panel, Query, chart, heatmap
from pollwatch.alerting.dashboards.self_queries import (
    NOT_SCRAPED,
    OPERATORS,
    PROCESS,
    PROCESS_LEGEND,
    WORKERS,
    lateness,
)


def section() -> Section:
    """Build the part about probing."""
    return Section(
        title="Does it probe in time",
        rows=(
            Row(height=8, panels=((8, _lateness_heatmap()), (8, _lateness()), (8, _missed()))),
            Row(height=8, panels=((8, _in_flight()), (8, _utilisation()), (8, _holds()))),
        ),
    )


def _lateness_heatmap() -> Panel:
    buckets = f"rate(pollwatch_worker_start_lateness_seconds_bucket{{{WORKERS}}}[{RATE}])"
    return heatmap(
        "Lateness of starts",
        "How many probes a second started how long after their time, in all workers. What is well lies at "
        "the bottom; a second band above it is one worker that is overloaded or starved of CPU.",
        Query(expr=f"sum by (le) ({buckets})", legend="{{le}}", shape="heatmap"),
        unit="s",
        no_value=NOT_SCRAPED,
    )


def _lateness() -> Panel:
    return chart(
        "Lateness by worker",
        "The 99th percentile of how long after their time probes start. One worker above the others: its "
        "node is busy, or its shard too large; all of them: the pool needs more workers.",
        [Query(expr=lateness(0.99, PROCESS, RATE), legend=PROCESS_LEGEND)],
        SECONDS.with_(
            shades=colours.BLUE, steps=[(0.1, colours.WARNING), (1, colours.BAD)], no_value=NOT_SCRAPED
        ),
        limits=True,
    )


def _missed() -> Panel:
    missed = f"increase(pollwatch_worker_missed_starts_total{{{WORKERS}}}[{RATE}])"
    return chart(
        "Starts missed by cause",
        "Probes that were skipped since they could not start in time. Give the workers more CPU or replicas; "
        "what was missed is never made up for in a burst.",
        [Query(expr=f"sum by (cause) ({missed})", legend="{{cause}}")],
        Fields(unit="short", lowest=0, shades=colours.VERMILION, no_value=NOT_SCRAPED),
        stacked="bars",
    )


def _in_flight() -> Panel:
    return chart(
        "Probes in flight",
        "Probes that have started and not ended. Climbing while the plan stays the same: targets hang until "
        "their timeout; see which Checks fail on the overview.",
        [
            Query(
                expr=f"max by ({PROCESS}) (pollwatch_worker_probes_in_flight{{{WORKERS}}})",
                legend=PROCESS_LEGEND,
            )
        ],
        Fields(unit="none", lowest=0, shades=colours.BLUE, no_value=NOT_SCRAPED),
    )


def _utilisation() -> Panel:
    return chart(
        "Utilisation of a core",
        "How much of one core each worker of a pool uses. It is one process: near 100 % it starts to be "
        "late. Above 60 % add replicas, or let autosize do it.",
        [
            Query(
                expr=f"max by ({PROCESS}) (pollwatch_worker_utilisation_ratio{{{WORKERS}}})",
                legend=PROCESS_LEGEND,
            )
        ],
        Fields(
            unit="percentunit",
            decimals=0,
            lowest=0,
            shades=colours.BLUE,
            steps=[(0.6, colours.WARNING), (0.9, colours.BAD)],
            no_value="Nothing: only workers of pools have this, see CPU below",
        ),
        limits=True,
    )


def _holds() -> Panel:
    workers = f"pollwatch_worker_loop_longest_hold_seconds{{{WORKERS}}}"
    operators = f"pollwatch_operator_loop_longest_hold_seconds{{{OPERATORS}}}"
    return chart(
        "Longest hold of the event loop",
        "The longest time in which a process could do one thing only. Above a tenth of a second it makes "
        "probes late: a node without CPU to spare, or a defect in Pollwatch: please report it.",
        [Query(expr=f"max by ({PROCESS}) ({workers} or {operators})", legend=PROCESS_LEGEND)],
        SECONDS.with_(shades=colours.BLUE, steps=[(0.1, colours.WARNING)], no_value=NOT_SCRAPED),
        limits=True,
    )
