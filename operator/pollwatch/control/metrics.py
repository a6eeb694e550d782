"""The operator's own metrics: is it keeping up, is the API server, and with what result."""

import platform
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pollwatch import __version__
from pollwatch.api.conditions import AlertsReason, ReadyReason
from pollwatch.series.exposition import Exposition

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ControlMetrics(Collector):
    """All metric families of the control plane, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._exposed = CollectorRegistry(auto_describe=False)
        self._exposed.register(self)
        self.reconciles = Histogram(
            "pollwatch_operator_reconcile_duration_seconds",
            "Time to compile one Check and place it in the plan.",
            buckets=(0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0),
            registry=self.registry,
        )
        self.reconcile_errors = Counter(
            "pollwatch_operator_reconcile_errors",
            "Defects in Pollwatch that one Check, pool, worker or Event met while all others went on: the log"
            " has the traceback. Always 0 in a healthy operator.",
            registry=self.registry,
        )
        self.status_writes = Counter(
            "pollwatch_operator_status_writes",
            "Attempts to write the status of a Check, by outcome: written, conflict, gone, retried, refused.",
            ["outcome"],
            registry=self.registry,
        )
        self.events = Counter(
            "pollwatch_operator_events",
            "Kubernetes Events, by outcome: created, repeated, limited, failed.",
            ["outcome"],
            registry=self.registry,
        )
        self.requests = Counter(
            "pollwatch_operator_api_requests",
            "Requests to the Kubernetes API, by verb (get, list, watch, create, update, patch, delete) and"
            " status code; code 0: no answer.",
            ["verb", "code"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "pollwatch_operator_api_request_duration_seconds",
            "Time from a request to the Kubernetes API to the end of its answer, by verb; not the watch's.",
            ["verb"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.watch_events = Counter(
            "pollwatch_operator_watch_events",
            "Objects that the watch delivered, the initial list included, by kind.",
            ["kind"],
            registry=self.registry,
        )
        self.watch_restarts = Counter(
            "pollwatch_operator_watch_restarts",
            "Times that the watch broke down as a whole and was started again.",
            registry=self.registry,
        )
        self.resyncs = Counter(
            "pollwatch_operator_resyncs",
            "Full re-lists, by outcome: succeeded, failed.",
            ["outcome"],
            registry=self.registry,
        )
        self.resync_seconds = Gauge(
            "pollwatch_operator_resync_duration_seconds",
            "How long the last full re-list took.",
            registry=self.registry,
        )
        self.resync_time = Gauge(
            "pollwatch_operator_resync_timestamp_seconds",
            "When the last full re-list succeeded, Unix time.",
            registry=self.registry,
        )
        self.pruned = Counter(
            "pollwatch_operator_pruned_objects",
            "Objects that a re-list found gone or changed although the watch had not said so, by kind.",
            ["kind"],
            registry=self.registry,
        )
        self.leader = Gauge(
            "pollwatch_operator_leader",
            "1 while this process is the leader, else 0.",
            registry=self.registry,
        )
        self.leader_terms = Counter(
            "pollwatch_operator_leader_terms",
            "Times that this process became the leader.",
            registry=self.registry,
        )
        self.feed_states = Counter(
            "pollwatch_operator_feed_states",
            "States read from the feeds of workers, by pool.",
            ["pool"],
            registry=self.registry,
        )
        self.feed_lost = Counter(
            "pollwatch_operator_feed_lost_states",
            "States that were overwritten in a worker's feed before they were read, by pool and worker.",
            ["pool", "worker"],
            registry=self.registry,
        )
        self.feed_errors = Counter(
            "pollwatch_operator_feed_errors",
            "Reads of a worker's feed that failed, by pool and worker.",
            ["pool", "worker"],
            registry=self.registry,
        )
        self.feed_lag = Gauge(
            "pollwatch_operator_feed_lag_seconds",
            "How far the operator's knowledge of a worker is behind, by pool and worker.",
            ["pool", "worker"],
            registry=self.registry,
        )
        self.worker_restarts = Counter(
            "pollwatch_operator_worker_restarts",
            "Times that a worker was found to have been started anew, by pool and worker.",
            ["pool", "worker"],
            registry=self.registry,
        )
        self.plan_writes = Counter(
            "pollwatch_operator_plan_writes",
            "Plans that were written to their Secrets, by pool.",
            ["pool"],
            registry=self.registry,
        )
        self.plan_checks = Gauge(
            "pollwatch_operator_plan_checks",
            "Checks in the plan of a worker.",
            ["pool", "worker"],
            registry=self.registry,
        )
        self.plan_bytes = Gauge(
            "pollwatch_operator_plan_size_bytes",
            "Size of the plan of a worker as it is in its Secrets, before base64.",
            ["pool", "worker"],
            registry=self.registry,
        )
        self.plan_time = Gauge(
            "pollwatch_operator_plan_timestamp_seconds",
            "When the plan of a worker was written, or found written, last, Unix time.",
            ["pool", "worker"],
            registry=self.registry,
        )
        self.plan_pushes = Counter(
            "pollwatch_operator_plan_pushes",
            "Plans pushed to workers, by pool and outcome: live, stale, refused, unauthorized, unreachable.",
            ["pool", "outcome"],
            registry=self.registry,
        )
        self.alert_writes = Counter(
            "pollwatch_operator_alert_writes",
            "Objects with alert rules, or for scraping, that were written, by kind and outcome: applied,"
            " repaired, deleted, refused.",
            ["kind", "outcome"],
            registry=self.registry,
        )
        for outcome in ("written", "conflict", "gone", "retried", "refused"):
            self.status_writes.labels(outcome)
        for outcome in ("created", "repeated", "limited", "failed"):
            self.events.labels(outcome)
        for outcome in ("succeeded", "failed"):
            self.resyncs.labels(outcome)

    def forget_pool(self, pool: str) -> None:
        """Drop what is counted of a pool that is gone; what is told of its workers goes with these."""
        for family in (self.feed_states, self.plan_writes, self.plan_pushes):
            family.remove_by_labels({"pool": pool})

    def render(self, exposition: Exposition) -> Iterator[bytes]:
        """Render all families, in one slice."""
        encode, _ = choose_encoder(exposition.value)
        yield encode(self._exposed).removesuffix(exposition.end)

    def collect(self) -> Iterable[Metric]:
        """Give the families without `_created`, which says when this process began, once a series."""
        for family in self.registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family

    def watch_process(self, longest_hold: Callable[[], float]) -> None:
        """Expose the process itself, where no worker in it does: CPU, memory, and how its event loop is."""
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        build = Gauge(
            "pollwatch_build_info",
            "Version of Pollwatch and of what it runs on.",
            ["version", "python"],
            registry=self.registry,
        )
        build.labels(__version__, platform.python_version()).set(1)
        self.watch_loop(longest_hold)

    def watch_loop(self, longest_hold: Callable[[], float]) -> None:
        """Expose for how long the event loop was held."""
        Gauge(
            "pollwatch_operator_loop_longest_hold_seconds",
            "Longest time in the last minute during which the event loop did one thing only.",
            registry=self.registry,
        ).set_function(longest_hold)

    def watch_queues(self, *, reconcile: Callable[[], float], status: Callable[[], float]) -> None:
        """Expose how many keys wait for a reconcile and for a status write."""
        depth = Gauge(
            "pollwatch_operator_queue_depth",
            "Checks waiting in a queue, by queue: reconcile, status.",
            ["queue"],
            registry=self.registry,
        )
        depth.labels("reconcile").set_function(reconcile)
        depth.labels("status").set_function(status)

    def count_request(self, verb: str, code: int, seconds: float | None = None) -> None:
        """Count one request to the Kubernetes API; may be called from any thread.

        Args:
            verb: see `control.api_calls`.
            code: HTTP status; 0: no answer.
            seconds: what it took; `None`: nobody measured.
        """
        self.requests.labels(verb, str(int(code))).inc()
        if seconds is not None:
            self.request_seconds.labels(verb).observe(seconds)

    def watch_alerts(self, *, rules: Callable[[], float], checks: Callable[[AlertsReason], float]) -> None:
        """Expose how many alert rules there are, and Checks by what condition `AlertsRendered` says."""
        Gauge(
            "pollwatch_operator_alert_rules",
            "Alert rules that are rendered for Checks.",
            registry=self.registry,
        ).set_function(rules)
        rendered = Gauge(
            "pollwatch_operator_alert_checks",
            "Checks in the cluster, by the reason of condition AlertsRendered.",
            ["reason"],
            registry=self.registry,
        )
        for reason in AlertsReason:
            rendered.labels(reason.value).set_function(partial(checks, reason))

    def watch_checks(self, count: Callable[[ReadyReason], float]) -> None:
        """Expose how many Checks are in each state, as condition `Ready` has it."""
        checks = Gauge(
            "pollwatch_operator_checks",
            "Checks in the cluster, by the reason of condition Ready.",
            ["reason"],
            registry=self.registry,
        )
        for reason in ReadyReason:
            checks.labels(reason.value).set_function(partial(count, reason))
