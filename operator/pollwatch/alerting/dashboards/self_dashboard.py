"""The dashboard of Pollwatch itself: does it probe in time, by the newest plan, and is it heard."""

from pollwatch.alerting.dashboards import colours, links, variables
from pollwatch.alerting.dashboards.dashboard import Dashboard, Row, Section
from pollwatch.alerting.dashboards.expressions import RATE, grown
from pollwatch.alerting.dashboards.fields import Fields, Link, Override, Word
from pollwatch.alerting.dashboards.looks import SECONDS
from pollwatch.alerting.dashboards.panels import Panel, Query, chart, heatmap, stat
from pollwatch.alerting.dashboards.tables import Column, Key, Table

_WORKERS = 'pool=~"$pool",instance=~"$instance"'
_OPERATORS = 'instance=~"$instance"'
_PROCESS = "pod, instance"
_PROCESS_LEGEND = "{{pod}} {{instance}}"
_WORKER_LEGEND = "{{pool}} {{worker}}"
_NOT_SCRAPED = "Nothing: let Prometheus scrape the workers (honor_labels: true), see how-to/dashboards"
_NO_OPERATOR = "Nothing: no operator is scraped (`pollwatch run` has none)"
_NO_POOLS = "Nothing: only an operator with pools has this"


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
            Section(
                title="Does it probe in time",
                rows=(
                    Row(height=8, panels=((8, _lateness_heatmap()), (8, _lateness()), (8, _missed()))),
                    Row(height=8, panels=((8, _in_flight()), (8, _utilisation()), (8, _holds()))),
                ),
            ),
            Section(
                title="By the newest plan",
                rows=(
                    Row(height=8, panels=((8, _plan_age()), (8, _plan_checks()), (8, _plan_problems()))),
                    Row(height=8, panels=((8, _plan_written()), (8, _pushes()), (8, _accepted()))),
                ),
            ),
            Section(
                title="And is it heard",
                rows=(
                    Row(height=8, panels=((8, _feed_lag()), (8, _feed_trouble()), (8, _scrapes()))),
                    Row(height=8, panels=((8, _calls()), (8, _call_seconds()), (8, _writes()))),
                    Row(height=8, panels=((8, _queues()), (8, _watch()), (8, _resync_age()))),
                ),
            ),
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
        [Query(expr=f"sum(pollwatch_operator_leader{{{_OPERATORS}}})")],
        Fields(
            decimals=0,
            base=colours.BAD,
            steps=[(1, colours.GOOD), (2, colours.WORSE)],
            words={0: Word(text="none", colour=colours.BAD)},
            no_value="no operator",
        ),
    )


def _processes() -> Panel:
    return stat(
        "Processes scraped",
        "How many processes of Pollwatch answer Prometheus. Fewer than there are Pods: look at the targets "
        "page of Prometheus, and at the Pods that are not ready.",
        [Query(expr=f"count(pollwatch_build_info{{{_OPERATORS}}})")],
        Fields(decimals=0, colour=colours.GOOD, no_value="none: nothing is watched"),
    )


def _late_now() -> Panel:
    return stat(
        "99 % start late by at most",
        "How long after its time a probe starts, of all workers, in the last five minutes. Above a second, a "
        "worker has more to do than it can: give its pool replicas, or autosize it.",
        [Query(expr=_lateness_quantile(0.99, "", "5m"))],
        SECONDS.with_(steps=[(0.1, colours.WORSE), (1, colours.BAD)], decimals=3, no_value="no worker"),
    )


def _missed_now() -> Panel:
    return stat(
        "Starts missed, last 5 min",
        "Probes that could not start in time and were skipped. Any at all: those targets were watched less "
        "closely than they should be; the cause is among the charts below.",
        [Query(expr=f"sum(increase(pollwatch_worker_missed_starts_total{{{_WORKERS}}}[5m]))")],
        Fields(decimals=0, steps=[(1, colours.BAD)], no_value="no worker"),
    )


def _refused_now() -> Panel:
    return stat(
        "Plans refused",
        "Workers that refused the newest plan and probe by an older one. Any at all: kubectl get probepools, "
        "the condition Delivered says why.",
        [Query(expr=f"sum(pollwatch_worker_plan_refused{{{_WORKERS}}})")],
        Fields(decimals=0, steps=[(1, colours.BAD)], no_value="no pools"),
    )


def _lag_now() -> Panel:
    return stat(
        "Feed lag, greatest",
        "How far the leader's knowledge of a worker is behind. Beyond half a minute, status and Events are "
        "old news (metrics are not): see which worker below.",
        [Query(expr=f"max({_led('pollwatch_operator_feed_lag_seconds')})")],
        SECONDS.with_(steps=[(10, colours.WORSE), (30, colours.BAD)], decimals=1, no_value="no pools"),
    )


def _led(metric: str) -> str:
    """What the leader says of feeds and plans: what others last said is out of date."""
    leads = f"(pollwatch_operator_leader{{{_OPERATORS}}} == 1)"
    return f"{metric}{{{_WORKERS}}} and on (job, instance) {leads}"


def _lateness_quantile(share: float, by: str, window: str) -> str:
    labels = f"{by}, le" if by else "le"
    buckets = f"rate(pollwatch_worker_start_lateness_seconds_bucket{{{_WORKERS}}}[{window}])"
    return f"histogram_quantile({share}, sum by ({labels}) ({buckets}))"


def _lateness_heatmap() -> Panel:
    buckets = f"rate(pollwatch_worker_start_lateness_seconds_bucket{{{_WORKERS}}}[{RATE}])"
    return heatmap(
        "Lateness of starts",
        "How many probes a second started how long after their time, in all workers. What is well lies at "
        "the bottom; a second band above it is one worker that is overloaded or starved of CPU.",
        Query(expr=f"sum by (le) ({buckets})", legend="{{le}}", shape="heatmap"),
        unit="s",
        no_value=_NOT_SCRAPED,
    )


def _lateness() -> Panel:
    return chart(
        "Lateness by worker",
        "The 99th percentile of how long after their time probes start. One worker above the others: its "
        "node is busy, or its shard too large; all of them: the pool needs more workers.",
        [Query(expr=_lateness_quantile(0.99, _PROCESS, RATE), legend=_PROCESS_LEGEND)],
        SECONDS.with_(
            shades=colours.BLUE, steps=[(0.1, colours.WORSE), (1, colours.BAD)], no_value=_NOT_SCRAPED
        ),
        limits=True,
    )


def _missed() -> Panel:
    missed = f"increase(pollwatch_worker_missed_starts_total{{{_WORKERS}}}[{RATE}])"
    return chart(
        "Starts missed by cause",
        "Probes that were skipped since they could not start in time. Give the workers more CPU or replicas; "
        "what was missed is never made up for in a burst.",
        [Query(expr=f"sum by (cause) ({missed})", legend="{{cause}}")],
        Fields(unit="short", lowest=0, shades=colours.VERMILION, no_value=_NOT_SCRAPED),
        stacked="bars",
    )


def _in_flight() -> Panel:
    return chart(
        "Probes in flight",
        "Probes that have started and not ended. Climbing while the plan stays the same: targets hang until "
        "their timeout; see which Checks fail on the overview.",
        [
            Query(
                expr=f"max by ({_PROCESS}) (pollwatch_worker_probes_in_flight{{{_WORKERS}}})",
                legend=_PROCESS_LEGEND,
            )
        ],
        Fields(unit="none", decimals=0, lowest=0, shades=colours.BLUE, no_value=_NOT_SCRAPED),
    )


def _utilisation() -> Panel:
    return chart(
        "Utilisation of a core",
        "How much of one core each worker of a pool uses. It is one process: near 100 % it starts to be "
        "late. Above 60 % add replicas, or let autosize do it.",
        [
            Query(
                expr=f"max by ({_PROCESS}) (pollwatch_worker_utilisation_ratio{{{_WORKERS}}})",
                legend=_PROCESS_LEGEND,
            )
        ],
        Fields(
            unit="percentunit",
            decimals=0,
            lowest=0,
            shades=colours.BLUE,
            steps=[(0.6, colours.WORSE), (0.9, colours.BAD)],
            no_value="Nothing: only workers of pools have this, see CPU below",
        ),
        limits=True,
    )


def _holds() -> Panel:
    workers = f"pollwatch_worker_loop_longest_hold_seconds{{{_WORKERS}}}"
    operators = f"pollwatch_operator_loop_longest_hold_seconds{{{_OPERATORS}}}"
    return chart(
        "Longest hold of the event loop",
        "The longest time in which a process could do one thing only. Above a tenth of a second it makes "
        "probes late: a node without CPU to spare, or a defect in Pollwatch: please report it.",
        [Query(expr=f"max by ({_PROCESS}) ({workers} or {operators})", legend=_PROCESS_LEGEND)],
        SECONDS.with_(shades=colours.BLUE, steps=[(0.1, colours.WORSE)], no_value=_NOT_SCRAPED),
        limits=True,
    )


def _plan_age() -> Panel:
    applied = f"pollwatch_worker_plan_applied_timestamp_seconds{{{_WORKERS}}}"
    return chart(
        "Age of the plan",
        "How long ago each worker took a new plan. Old is well as long as no Check changed; old on one "
        "worker while the others took a newer one: kubectl describe probepool, condition Delivered.",
        [Query(expr=f"time() - max by ({_PROCESS}) ({applied} > 0)", legend=_PROCESS_LEGEND)],
        SECONDS.with_(shades=colours.BLUE, no_value="Nothing: no worker has had a plan"),
    )


def _plan_checks() -> Panel:
    return chart(
        "Checks by worker",
        "How many Checks each worker probes. Shares that differ much are few Checks or unlucky ones; a "
        "worker with none has nothing to do.",
        [
            Query(
                expr=f"max by ({_PROCESS}) (pollwatch_worker_plan_checks{{{_WORKERS}}})",
                legend=_PROCESS_LEGEND,
            )
        ],
        Fields(unit="none", decimals=0, lowest=0, shades=colours.BLUE, no_value=_NOT_SCRAPED),
    )


def _plan_problems() -> Panel:
    refused = f"sum by (fault) (increase(pollwatch_worker_plans_refused_total{{{_WORKERS}}}[{RATE}]))"
    unsupported = f"sum(pollwatch_worker_plan_unsupported_checks{{{_WORKERS}}})"
    return chart(
        "Trouble with plans",
        "Plans that workers refused, by fault, and Checks that need a newer worker than there is. "
        "Unsupported: finish the upgrade of the workers. Refused: the pool's condition Delivered says why.",
        [
            Query(expr=refused, legend="refused: {{fault}}"),
            Query(expr=unsupported, legend="unsupported Checks"),
        ],
        Fields(unit="short", decimals=0, lowest=0, shades=colours.VERMILION, no_value=_NO_POOLS),
    )


def _plan_written() -> Panel:
    written = _led("pollwatch_operator_plan_timestamp_seconds")
    return chart(
        "Plans written",
        "How long ago the leader wrote, or found written, the plan of each worker. Younger than the age of "
        "the plan that the worker has for more than a minute: it has not arrived.",
        [Query(expr=f"time() - max by (pool, worker) ({written})", legend=_WORKER_LEGEND)],
        SECONDS.with_(shades=colours.BLUE, no_value=_NO_POOLS),
    )


def _pushes() -> Panel:
    return chart(
        "Plans pushed by outcome",
        "What became of plans that were pushed to workers. live is well; unreachable: a network policy or a "
        "dead worker; unauthorized: its keys; the plan still arrives by its Secret, a minute later.",
        [Query(expr=_grown("pollwatch_operator_plan_pushes_total", "outcome"), legend="{{outcome}}")],
        Fields(unit="short", decimals=0, lowest=0, shades=colours.BLUE, no_value=_NO_POOLS),
        stacked="bars",
    )


def _accepted() -> Panel:
    return chart(
        "Checks by condition",
        "How many Checks there are by the reason of their condition Ready. Those that are not accepted are "
        "not probed: kubectl get checks -A names them, kubectl describe says what to mend.",
        [
            Query(
                expr=f"max by (reason) (pollwatch_operator_checks{{{_OPERATORS}}}) > 0",
                legend="{{reason}}",
            )
        ],
        Fields(unit="none", decimals=0, lowest=0, shades=colours.BLUE, no_value=_NO_OPERATOR),
    )


def _feed_lag() -> Panel:
    checks_of_pool = Link(
        title="Checks of this pool",
        url=f"/d/{links.OVERVIEW}?var-pool=${{__field.labels.pool}}&{links.KEPT}",
    )
    lag = _led("pollwatch_operator_feed_lag_seconds")
    return chart(
        "Feed lag by worker",
        "How far the leader's knowledge of each worker is behind. One worker: it, or the way to it, is gone. "
        "All: the leader or its network. Metrics go on; status and Events wait.",
        [Query(expr=f"max by (pool, worker) ({lag})", legend=_WORKER_LEGEND)],
        SECONDS.with_(
            shades=colours.BLUE,
            steps=[(10, colours.WORSE), (30, colours.BAD)],
            no_value=_NO_POOLS,
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
        f'label_replace({_grown(metric, "pool, worker")}, "kind", "{kind}", "", "")'
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


def _grown(metric: str, by: str) -> str:
    known = f"on (job, instance) pollwatch_operator_leader{{{_OPERATORS}}}"
    return grown(f"{metric}{{{_WORKERS}}}", by, RATE, known=known)


def _scrapes() -> Panel:
    scrapes = f"rate(pollwatch_worker_scrapes_total{{{_WORKERS}}}[{RATE}])"
    return chart(
        "Scrapes by outcome",
        "How scrapes of the workers ended. Those that did not succeed leave gaps in every chart: raise "
        "Prometheus's scrape_timeout, or look at the network between them.",
        [Query(expr=f"sum by (outcome) ({scrapes})", legend="{{outcome}}")],
        Fields(unit="cps", lowest=0, shades=colours.BLUE, no_value=_NOT_SCRAPED),
    )


def _calls() -> Panel:
    calls = f"rate(pollwatch_operator_api_requests_total{{{_OPERATORS}}}[{RATE}])"
    return chart(
        "Calls of the Kubernetes API",
        "By method and status code; 0 is no answer. 403: rights are missing, apply the RBAC of this version. "
        "409 now and then is well. 429: the API server asks to be spared.",
        [Query(expr=f"sum by (method, code) ({calls})", legend="{{method}} {{code}}")],
        Fields(unit="reqps", lowest=0, shades=colours.BLUE, no_value=_NO_OPERATOR),
        stacked="lines",
    )


def _call_seconds() -> Panel:
    buckets = f"rate(pollwatch_operator_api_request_duration_seconds_bucket{{{_OPERATORS}}}[{RATE}])"
    return chart(
        "Calls end within, 99 %",
        "How long calls of the Kubernetes API take, by method. All of them above a second: the API server or "
        "etcd is slow, and status follows late.",
        [Query(expr=f"histogram_quantile(0.99, sum by (method, le) ({buckets}))", legend="{{method}}")],
        SECONDS.with_(shades=colours.BLUE, steps=[(1, colours.WORSE)], no_value=_NO_OPERATOR),
        limits=True,
    )


def _writes() -> Panel:
    writes = f"rate(pollwatch_operator_status_writes_total{{{_OPERATORS}}}[{RATE}])"
    events = f"rate(pollwatch_operator_events_total{{{_OPERATORS}}}[{RATE}])"
    return chart(
        "Status writes and Events",
        "What the operator says in the cluster, by outcome. Steadily many: some Checks flap, see the "
        "timeline of the overview. refused: rights are missing.",
        [
            Query(expr=f"sum by (outcome) ({writes})", legend="status {{outcome}}"),
            Query(expr=f"sum by (outcome) ({events})", legend="Events {{outcome}}"),
        ],
        Fields(unit="cps", lowest=0, shades=colours.BLUE, no_value=_NO_OPERATOR),
    )


def _queues() -> Panel:
    return chart(
        "Queues",
        "Checks that wait to be compiled, and to have their status written. A queue that does not empty: the "
        "API server is slow, or rates are limited; status follows late, probing does not.",
        [Query(expr=f"max by (queue) (pollwatch_operator_queue_depth{{{_OPERATORS}}})", legend="{{queue}}")],
        Fields(unit="none", decimals=0, lowest=0, shades=colours.BLUE, no_value=_NO_OPERATOR),
    )


def _watch() -> Panel:
    events = f"rate(pollwatch_operator_watch_events_total{{{_OPERATORS}}}[{RATE}])"
    restarts = f"increase(pollwatch_operator_watch_restarts_total{{{_OPERATORS}}}[{RATE}])"
    errors = f"increase(pollwatch_operator_reconcile_errors_total{{{_OPERATORS}}}[{RATE}])"
    return chart(
        "Watches",
        "Objects that watches delivered, times that the watch broke down, and Checks that met a defect. "
        "Restarts in a row: the way to the API server. A defect: please report it with the operator's log.",
        [
            Query(expr=f"sum by (kind) ({events})", legend="{{kind}}"),
            Query(expr=f"sum({restarts})", legend="restarts"),
            Query(expr=f"sum({errors})", legend="defects"),
        ],
        Fields(unit="short", lowest=0, shades=colours.BLUE, no_value=_NO_OPERATOR),
        overrides=[
            Override(query="B", fields=Fields(colour=colours.ORANGE)),
            Override(query="C", fields=Fields(colour=colours.VERMILION)),
        ],
    )


def _resync_age() -> Panel:
    succeeded = f"pollwatch_operator_resync_timestamp_seconds{{{_OPERATORS}}}"
    return chart(
        "Last full list",
        "How long ago each operator listed everything anew, to find what a broken watch missed. Growing "
        "beyond the usual: lists fail, see the calls of the API.",
        [Query(expr=f"time() - max by ({_PROCESS}) ({succeeded} > 0)", legend=_PROCESS_LEGEND)],
        SECONDS.with_(shades=colours.BLUE, no_value=_NO_OPERATOR),
    )


def _memory() -> Panel:
    memory = f"process_resident_memory_bytes{{{_OPERATORS}}}"
    return chart(
        "Memory",
        "Resident memory of each process. Near the limit of its container: raise the limit, or spread the "
        "Checks over more workers. Climbing for days with the same Checks: please report it.",
        [Query(expr=f"max by ({_PROCESS}) ({_ours(memory)})", legend=_PROCESS_LEGEND)],
        Fields(unit="bytes", lowest=0, shades=colours.BLUE, no_value=_NOT_SCRAPED),
    )


def _cpu() -> Panel:
    seconds = _ours(f"rate(process_cpu_seconds_total{{{_OPERATORS}}}[{RATE}])")
    return chart(
        "CPU",
        "How much of a core each process uses. A process cannot use more than about one: near that, a worker "
        "starts to be late, and needs company.",
        [Query(expr=f"max by ({_PROCESS}) ({seconds})", legend=_PROCESS_LEGEND)],
        Fields(unit="percentunit", decimals=0, lowest=0, shades=colours.BLUE, no_value=_NOT_SCRAPED),
    )


def _ours(expr: str) -> str:
    """Keep what is of Pollwatch's own processes: these metrics are everybody's."""
    return f"{expr} and on (job, instance) pollwatch_build_info{{{_OPERATORS}}}"


def _versions() -> Panel:
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
                expr="min by (pod, instance, version, python) "
                f"(time() - process_start_time_seconds{{{_OPERATORS}}} "
                f"+ on (job, instance) group_right () 0 * pollwatch_build_info{{{_OPERATORS}}})",
                fields=SECONDS.with_(name="Runs for"),
            ),
        ],
        no_value=_NOT_SCRAPED,
        order="Instance",
    ).panel()
