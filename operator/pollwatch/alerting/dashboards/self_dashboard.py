"""The dashboard of Pollwatch itself: does it probe in time, by the newest plan, and is it heard."""

from pollwatch.alerting.dashboards import colours, links, self_operator, self_plans, self_probing, variables
from pollwatch.alerting.dashboards.dashboard import Dashboard, Row, Section
from pollwatch.alerting.dashboards.expressions import RATE
from pollwatch.alerting.dashboards.fields import Fields, Word
from pollwatch.alerting.dashboards.looks import SECONDS
from pollwatch.alerting.dashboards.panels import Panel, Query, chart, stat
from pollwatch.alerting.dashboards.self_queries import (
    NOT_SCRAPED,
    OPERATORS,
    PROCESS,
    PROCESS_LEGEND,
    WORKERS,
    lateness,
    led,
)
from pollwatch.alerting.dashboards.tables import Column, Key, Table


def dashboard() -> Dashboard:
    """Build it."""
    return Dashboard(
        uid=links.SELF,
        title="Pollwatch / Pollwatch itself",
        description="Whether Pollwatch probes in time, by the newest plan, and is heard.",
        variables=variables.PROCESSES,
        links=links.others(links.SELF),
        span="3h",
        sections=(
            Section(
                title="",
                rows=(
                    Row(
                        height=4,
                        panels=(
                            (4, _leader()),
                            (4, _processes()),
                            (4, _late_now()),
                            (4, _missed_now()),
                            (4, _refused_now()),
                            (4, _lag_now()),
                        ),
                    ),
                ),
            ),
            self_probing.section(),
            self_plans.section(),
            self_operator.section(),
            Section(
                title="Processes",
                rows=(Row(height=8, panels=((8, _memory()), (8, _cpu()), (8, _versions()))),),
            ),
        ),
    )


def _leader() -> Panel:
    return stat(
        "Operators that lead",
        "Exactly one operator leads. None: nobody writes status, plans or rules (probing goes on): look at "
        "the operators' logs and at the Lease. More than one for minutes: their clocks or the API server.",
        [Query(expr=f"sum(pollwatch_operator_leader{{{OPERATORS}}})")],
        Fields(
            decimals=0,
            base=colours.BAD,
            steps=[(1, colours.GOOD), (2, colours.WARNING)],
            words={0: Word(text="none", colour=colours.BAD)},
            no_value="no operator",
        ),
    )


def _processes() -> Panel:
    return stat(
        "Processes scraped",
        "How many processes of Pollwatch answer Prometheus. Fewer than there are Pods: look at the targets "
        "page of Prometheus, and at the Pods that are not ready.",
        [Query(expr=f"count(pollwatch_build_info{{{OPERATORS}}})")],
        Fields(decimals=0, colour=colours.GOOD, no_value="none: nothing is watched"),
    )


def _late_now() -> Panel:
    return stat(
        "Late by, 99 %",
        "How long after its time a probe starts, of all workers, in the last five minutes. Above a second, a "
        "worker has more to do than it can: give its pool replicas, or autosize it.",
        [Query(expr=lateness(0.99, "", "5m"))],
        SECONDS.with_(steps=[(0.1, colours.WARNING), (1, colours.BAD)], decimals=3, no_value="no worker"),
    )


def _missed_now() -> Panel:
    return stat(
        "Starts missed, 5 min",
        "Probes that could not start in time and were skipped. Any at all: those targets were watched less "
        "closely than they should be; the cause is among the charts below.",
        [Query(expr=f"sum(increase(pollwatch_worker_missed_starts_total{{{WORKERS}}}[5m]))")],
        Fields(decimals=0, steps=[(1, colours.BAD)], no_value="no worker"),
    )


def _refused_now() -> Panel:
    return stat(
        "Plans refused",
        "Workers that refused the newest plan and probe by an older one. Any at all: kubectl get probepools, "
        "the condition Delivered says why.",
        [Query(expr=f"sum(pollwatch_worker_plan_refused{{{WORKERS}}})")],
        Fields(decimals=0, steps=[(1, colours.BAD)], no_value="no pools"),
    )


def _lag_now() -> Panel:
    return stat(
        "Feed lag, greatest",
        "How far the leader's knowledge of a worker is behind. Beyond half a minute, status and Events are "
        "old news (metrics are not): see which worker below.",
        [Query(expr=f"max({led('pollwatch_operator_feed_lag_seconds')})")],
        SECONDS.with_(steps=[(10, colours.WARNING), (30, colours.BAD)], decimals=1, no_value="no pools"),
    )


def _memory() -> Panel:
    memory = f"process_resident_memory_bytes{{{OPERATORS}}}"
    return chart(
        "Memory",
        "Resident memory of each process. Near the limit of its container: raise the limit, or spread the "
        "Checks over more workers. Climbing for days with the same Checks: please report it.",
        [Query(expr=f"max by ({PROCESS}) ({_ours(memory)})", legend=PROCESS_LEGEND)],
        Fields(unit="bytes", lowest=0, shades=colours.BLUE, no_value=NOT_SCRAPED),
    )


def _cpu() -> Panel:
    seconds = _ours(f"rate(process_cpu_seconds_total{{{OPERATORS}}}[{RATE}])")
    return chart(
        "CPU",
        "How much of a core each process uses. A process cannot use more than about one: near that, a worker "
        "starts to be late, and needs company.",
        [Query(expr=f"max by ({PROCESS}) ({seconds})", legend=PROCESS_LEGEND)],
        Fields(unit="percentunit", lowest=0, shades=colours.BLUE, no_value=NOT_SCRAPED),
    )


def _ours(expr: str) -> str:
    """Keep what is of Pollwatch's own processes: these metrics are everybody's."""
    return f"{expr} and on (job, instance) pollwatch_build_info{{{OPERATORS}}}"


def _versions() -> Panel:
    began = f"max by (job, instance) (process_start_time_seconds{{{OPERATORS}}})"
    versions = f"0 * pollwatch_build_info{{{OPERATORS}}}"
    age = f"time() - {began} + on (job, instance) group_right () {versions}"
    return Table(
        title="Versions",
        description="What runs where. Versions that differ for longer than an upgrade takes: a rollout is "
        "stuck, kubectl get pods in the namespace of Pollwatch shows where.",
        keys=[
            Key(label="pod", name="Pod"),
            Key(label="instance", name="Instance"),
            Key(label="version", name="Version"),
            Key(label="python", name="Python"),
        ],
        columns=[
            Column(
                expr=f"min by (pod, instance, version, python) ({age})",
                fields=SECONDS.with_(name="Runs for"),
            )
        ],
        no_value=NOT_SCRAPED,
        order="Instance",
    ).panel()
