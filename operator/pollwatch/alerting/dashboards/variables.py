"""What can be chosen at the top of a dashboard."""

from pollwatch.alerting.dashboards.dashboard import Variable

_VERDICTS = "pollwatch_check_verdict"

NAMESPACE = Variable(
    name="namespace",
    label="Namespace",
    metric=_VERDICTS,
    description="The namespace of the Checks.",
)
TEAM = Variable(
    name="team",
    label="Team",
    metric=f'{_VERDICTS}{{namespace=~"$namespace"}}',
    description="The label `team`, from `spec.labels` of a Check or a ProbePool. Without such labels: All.",
)
POOL = Variable(
    name="pool",
    label="Pool",
    metric=f'{_VERDICTS}{{namespace=~"$namespace",team=~"$team"}}',
    description="The ProbePool that probes. Without pools: All.",
)
CHECKS = Variable(
    name="check",
    label="Check",
    metric=f'{_VERDICTS}{{namespace=~"$namespace",team=~"$team",pool=~"$pool"}}',
    description="The Checks that are shown.",
)

MANY_CHECKS = (NAMESPACE, TEAM, POOL, CHECKS)

ONE_CHECK = (
    Variable(
        name="namespace", label="Namespace", metric=_VERDICTS, one=True, description="The Check's namespace."
    ),
    TEAM,
    Variable(
        name="check",
        label="Check",
        metric=f'{_VERDICTS}{{namespace="$namespace",team=~"$team"}}',
        one=True,
        description="The Check that is shown.",
    ),
    Variable(
        name="pool",
        label="Pool",
        metric=f'{_VERDICTS}{{namespace="$namespace",check="$check"}}',
        description="The ProbePools that probe it. Without pools: All.",
    ),
)

PROCESSES = (
    Variable(
        name="pool",
        label="Pool",
        metric="pollwatch_worker_plan_checks",
        description="The ProbePool of the workers, where Prometheus gives its targets the label `pool`. "
        "Otherwise: All.",
    ),
    Variable(
        name="instance",
        label="Instance",
        metric="pollwatch_build_info",
        description="The process, as Prometheus names what it scrapes.",
    ),
)
