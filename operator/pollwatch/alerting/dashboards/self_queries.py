"""What the panels on Pollwatch itself share."""

from pollwatch.alerting.dashboards.expressions import RATE, grown

WORKERS = 'pool=~"$pool",instance=~"$instance"'
"""What is chosen, of series that are of a pool."""

OPERATORS = 'instance=~"$instance"'
"""What is chosen, of series of any process."""

PROCESS = "pod, instance"
"""Labels of a process as Prometheus names what it scrapes; outside of a cluster it has no `pod`."""

PROCESS_LEGEND = "{{pod}} {{instance}}"
WORKER_LEGEND = "{{pool}} {{worker}}"
NOT_SCRAPED = "Nothing: let Prometheus scrape the workers (honor_labels: true), see how-to/dashboards"
NO_OPERATOR = "Nothing: no operator is scraped (`pollwatch run` has none)"
NO_POOLS = "Nothing: only an operator with pools has this"


def led(metric: str) -> str:
    """What the leader says of feeds and plans: what others last said is out of date."""
    leads = f"(pollwatch_operator_leader{{{OPERATORS}}} == 1)"
    return f"{metric}{{{WORKERS}}} and on (job, instance) {leads}"


def lateness(share: float, by: str, window: str) -> str:
    """Within what time after theirs a share of the probes start, seconds."""
    labels = f"{by}, le" if by else "le"
    buckets = f"rate(pollwatch_worker_start_lateness_seconds_bucket{{{WORKERS}}}[{window}])"
    return f"histogram_quantile({share}, sum by ({labels}) ({buckets}))"


def grown_by_operator(metric: str, by: str) -> str:
    """By how much a counter of the operator grew that is there from its first event on only."""
    known = f"on (job, instance) pollwatch_operator_leader{{{OPERATORS}}}"
    return grown(f"{metric}{{{WORKERS}}}", by, RATE, known=known)
