"""The status of a ProbePool: what it should be, and when it is worth a write."""

from collections.abc import Mapping
from typing import Any

from pollwatch.api.conditions import ConditionStatus
from pollwatch.control.conditions import read_condition
from pollwatch.control.pools.conditions import pool_conditions
from pollwatch.control.pools.view import PoolView, WorkerView

MAX_SUMMARY = 512

NUMBERS = frozenset(
    {"targets", "probesPerSecond", "utilisationPercent", "latenessMilliseconds", "feedLagSeconds"}
)
"""Fields, of pools and of workers, that always move a little."""

PROGRESS = frozenset({"checks", "revision", "liveRevision"})
"""Fields that move with each Check that changes."""

PROGRESS_EVERY, NUMBERS_EVERY = 10.0, 60.0
"""Seconds between two writes for such fields alone."""

WORTH = 0.05
"""Share by which a number must have moved to be worth a write."""

JITTER = 5
"""What it must have moved anyhow: a worker that uses 1 % of a core now and 2 % then is the same."""


def desired_status(view: PoolView, held: Mapping[str, Any], *, now: float) -> dict[str, Any]:
    """Work out the status that a pool should have, as a JSON merge patch puts it in place.

    Args:
        view: what is known.
        held: the status that the API server holds.
        now: Unix seconds.
    """
    before = tuple(map(read_condition, held.get("conditions") or ()))
    conditions = pool_conditions(view, before, now=now)
    bad = next((one for one in conditions if one.status == ConditionStatus.FALSE), None)
    reports = [worker.link.report for worker in view.workers if worker.link.report is not None]
    ready = sum(_is_ready(worker) for worker in view.workers)
    return {
        "observedGeneration": view.generation,
        "replicas": view.wanted,
        "readyReplicas": ready,
        "summary": f"{ready}/{view.wanted}",
        "shards": sum(worker.checks > 0 for worker in view.workers),
        "checks": view.checks,
        "targets": sum(report.targets for report in reports),
        "probesPerSecond": round(sum(report.probes_per_second for report in reports)),
        "utilisationPercent": max((_percent(report.utilisation) for report in reports), default=0),
        "latenessMilliseconds": max((_milliseconds(report.lateness) for report in reports), default=0),
        "reason": bad.reason if bad is not None else None,
        "message": bad.message[:MAX_SUMMARY] if bad is not None else None,
        "workers": [_worker(worker) for worker in view.workers],
        "conditions": [one.document() for one in conditions],
    }


def _worker(worker: WorkerView) -> dict[str, Any]:
    report = worker.link.report
    document: dict[str, Any] = {
        "name": worker.name,
        "ready": _is_ready(worker),
        "checks": worker.checks,
        "targets": report.targets if report is not None else 0,
        "revision": worker.revision,
        "liveRevision": worker.link.live_revision,
        "feedLagSeconds": max(0, int(worker.link.lag)),
        "utilisationPercent": _percent(report.utilisation) if report is not None else 0,
        "latenessMilliseconds": _milliseconds(report.lateness) if report is not None else 0,
    }
    if worker.pod is not None:
        document["pod"] = worker.pod.name
    problem = (worker.pod.problem if worker.pod is not None else None) or worker.link_problem
    if problem is not None:
        document["problem"] = problem.message[:MAX_SUMMARY]
    return document


def _is_ready(worker: WorkerView) -> bool:
    return worker.pod is not None and worker.pod.ready and worker.link.problem is None


def _percent(share: float) -> int:
    return max(0, round(share * 100))


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def is_worth_writing(held: Mapping[str, Any], wanted: Mapping[str, Any], *, since_written: float) -> bool:
    """Whether a status differs from what the API server holds in more than what always moves.

    Args:
        held: the status that the API server holds.
        wanted: the status that the pool should have.
        since_written: seconds since it was written last.
    """
    if _without(PROGRESS | NUMBERS, held) != _without(PROGRESS | NUMBERS, wanted):
        return True
    if since_written >= PROGRESS_EVERY and _without(NUMBERS, held) != _without(NUMBERS, wanted):
        return True
    if since_written < NUMBERS_EVERY:
        return False
    workers = zip(held.get("workers") or (), wanted["workers"], strict=True)
    return any(_moved(before, after) for before, after in ((held, wanted), *workers))


def _without(fields: frozenset[str], status: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in status.items() if name not in fields and value is not None}
    kept["workers"] = [
        {name: value for name, value in worker.items() if name not in fields}
        for worker in status.get("workers") or ()
    ]
    return kept


def _moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    pairs = ((before.get(name) or 0, after.get(name) or 0) for name in NUMBERS)
    return any(abs(new - old) > max(WORTH * max(old, new), JITTER) for old, new in pairs)
