"""PromQL that the panels share.

Every sum is by labels that are named: whichever worker, replica or pool probes a Check, and whatever labels
Prometheus adds, the answer has one row for each thing that the panel speaks of.
"""

from pollwatch.plan.states import Verdict

ALL_CHECKS = 'namespace=~"$namespace",check=~"$check",pool=~"$pool",team=~"$team"'
"""What is chosen, where many Checks can be."""

ONE_CHECK = 'namespace="$namespace",check="$check",pool=~"$pool"'
"""What is chosen, where one Check is."""

RATE = "$__rate_interval"
"""A window that has several scrapes in it, and leaves nothing out between two points that are drawn."""
RANGE = "$__range"
"""The whole time range."""

AT_END = " @ end()"
"""After a selector: as of the end of the time range, whichever moment of it is drawn."""

NO_POOL = "embedded"
"""Shown as the pool of what is probed without one."""

SEVERITY = {Verdict.UP: 0, Verdict.UNKNOWN: 1, Verdict.DEGRADED: 2, Verdict.DOWN: 3}
"""Verdicts as numbers: of several, the worst is the greatest."""


def severity(selector: str, by: str, at: str = "") -> str:
    """The worst verdict by labels, as a number of `SEVERITY`: 0 where it is none of those above."""
    parts = [
        f'{number} * pollwatch_check_verdict{{verdict="{verdict}",{selector}}}{at}'
        for verdict, number in SEVERITY.items()
        if number
    ]
    return f"max by ({by}) ({' or '.join(parts)})"


def where_not_up(expr: str, selector: str, by: str) -> str:
    """Keep what is of Checks that are not Up."""
    return f'{expr} and on ({by}) (pollwatch_check_verdict{{verdict!="Up",{selector}}} == 1)'


def how_many(verdict: Verdict, selector: str) -> str:
    """How many Checks have a verdict, each counted once by the worst that any pool finds."""
    return f"sum({severity(selector, 'namespace, check')} == bool {SEVERITY[verdict]})"


def failing(selector: str, by: str, window: str, at: str = "") -> str:
    """The share of probes that were not a success, 0 to 1; nothing where there were no probes."""
    group = f"sum by ({by})" if by else "sum"
    successes = f"{group} (rate(pollwatch_probe_successes_total{{{selector}}}[{window}]{at}))"
    attempts = f"{group} (rate(pollwatch_probe_attempts_total{{{selector}}}[{window}]{at}))"
    return f"clamp_min(1 - {successes} / ({attempts} > 0), 0)"


def failures(selector: str, by: str, window: str) -> str:
    """How many probes failed."""
    known = f"ignoring (reason) pollwatch_probe_attempts_total{{{selector}}}"
    return grown(f"pollwatch_probe_failures_total{{{selector}}}", by, window, known=known)


def grown(counter: str, by: str, window: str, *, known: str) -> str:
    """By how much a counter grew that is there only from its first event on, when it is 1.

    Args:
        counter: A selector of it.
        by: Labels to sum by.
        window: In which it grew.
        known: Series that are there from the start, and how they match. Where they were there before the
            window and the counter was not, all that it counts is new.
    """
    first = f"{counter} unless {counter} offset {window} and {known} offset {window}"
    return f"sum by ({by}) ({first} or increase({counter}[{window}]))"


def quantile(share: float, selector: str, by: str, window: str) -> str:
    """Within what time a share of the probes ended, seconds."""
    labels = f"{by}, le" if by else "le"
    buckets = f"rate(pollwatch_probe_duration_seconds_bucket{{{selector}}}[{window}])"
    return f"histogram_quantile({share}, sum by ({labels}) ({buckets}))"


def since(selector: str, by: str) -> str:
    """When the verdict began, Unix milliseconds."""
    return f"max by ({by}) (pollwatch_check_last_transition_timestamp_seconds{{{selector}}}) * 1000"


def transitions(selector: str, verdicts: str) -> str:
    """When a verdict began that matches a pattern, Unix milliseconds, in the time range."""
    began = f"pollwatch_check_last_transition_timestamp_seconds{{{selector}}}"
    holds = f'(pollwatch_check_verdict{{verdict=~"{verdicts}",{selector}}} == 1)'
    joined = f"{holds} * ignoring (verdict) group_left () {began}"
    return f"max by (namespace, check, pool, verdict) ({joined}) * 1000 >= $__from"


def or_row(expr: str, label: str, text: str, *, unless: str) -> str:
    """Where there is nothing, give one row of -1 that says so: an empty timeline cannot say what it means.

    Args:
        expr: What there may be.
        label: Where the row says it.
        text: What it says.
        unless: Series; where any is there, there is no such row.
    """
    return f'{expr} or on () (label_replace(vector(-1), "{label}", "{text}", "", "") unless on () {unless})'


def named_pool(expr: str) -> str:
    """Give a pool to what has none."""
    return f'label_replace({expr}, "pool", "{NO_POOL}", "pool", "")'
