"""The dashboard of Pollwatch itself: does it probe by the newest plan."""

from pollwatch.alerting.dashboards import colours
from pollwatch.alerting.dashboards.dashboard import Row, Section
from pollwatch.alerting.dashboards.expressions import RATE
from pollwatch.alerting.dashboards.fields import Fields
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
    """Build the part about plans."""
    return Section(
        title="By the newest plan",
        rows=(
            Row(height=8, panels=((8, _plan_age()), (8, _plan_checks()), (8, _plan_problems()))),
            Row(height=8, panels=((8, _plan_written()), (8, _pushes()), (8, _accepted()))),
        ),
    )


def _plan_age() -> Panel:
    applied = f"pollwatch_worker_plan_applied_timestamp_seconds{{{WORKERS}}}"
    return chart(
        "Age of the plan",
        "How long ago each worker took a new plan. Old is well as long as no Check changed; old on one "
        "worker while the others took a newer one: kubectl describe probepool, condition Delivered.",
        [Query(expr=f"time() - max by ({PROCESS}) ({applied} > 0)", legend=PROCESS_LEGEND)],
        SECONDS.with_(shades=colours.BLUE, no_value="Nothing: no worker has had a plan"),
    )


def _plan_checks() -> Panel:
    return chart(
        "Checks by worker",
        "How many Checks each worker probes. Shares that differ much are few Checks or unlucky ones; a "
        "worker with none has nothing to do.",
        [
            Query(
                expr=f"max by ({PROCESS}) (pollwatch_worker_plan_checks{{{WORKERS}}})",
                legend=PROCESS_LEGEND,
            )
        ],
        Fields(unit="none", lowest=0, shades=colours.BLUE, no_value=NOT_SCRAPED),
    )


def _plan_problems() -> Panel:
    refused = f"sum by (fault) (increase(pollwatch_worker_plans_refused_total{{{WORKERS}}}[{RATE}]))"
    unsupported = f"sum(pollwatch_worker_plan_unsupported_checks{{{WORKERS}}})"
    return chart(
        "Trouble with plans",
        "Plans that workers refused, by fault, and Checks that need a newer worker than there is. "
        "Unsupported: finish the upgrade of the workers. Refused: the pool's condition Delivered says why.",
        [
            Query(expr=refused, legend="refused: {{fault}}"),
            Query(expr=unsupported, legend="unsupported Checks"),
        ],
        Fields(unit="short", lowest=0, shades=colours.VERMILION, no_value=NO_POOLS),
    )


def _plan_written() -> Panel:
    written = led("pollwatch_operator_plan_timestamp_seconds")
    return chart(
        "Plans written",
        "How long ago the leader wrote, or found written, the plan of each worker. Younger than the age of "
        "the plan that the worker has for more than a minute: it has not arrived.",
        [Query(expr=f"time() - max by (pool, worker) ({written})", legend=WORKER_LEGEND)],
        SECONDS.with_(shades=colours.BLUE, no_value=NO_POOLS),
    )


def _pushes() -> Panel:
    return chart(
        "Plans pushed by outcome",
        "What became of plans that were pushed to workers. live is well; unreachable: a network policy or a "
        "dead worker; unauthorized: its keys; the plan still arrives by its Secret, a minute later.",
        [
            Query(
                expr=grown_by_operator("pollwatch_operator_plan_pushes_total", "outcome"),
                legend="{{outcome}}",
            )
        ],
        Fields(unit="short", lowest=0, shades=colours.BLUE, no_value="No plan was pushed, or no pools"),
        stacked="bars",
    )


def _accepted() -> Panel:
    return chart(
        "Checks by condition",
        "How many Checks there are by the reason of their condition Ready. Those that are not accepted are "
        "not probed: kubectl get checks -A names them, kubectl describe says what to mend.",
        [
            Query(
                expr=f"max by (reason) (pollwatch_operator_checks{{{OPERATORS}}}) > 0",
                legend="{{reason}}",
            )
        ],
        Fields(unit="none", lowest=0, shades=colours.BLUE, no_value=NO_OPERATOR),
    )
