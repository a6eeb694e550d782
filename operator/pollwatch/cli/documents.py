"""Samples and results as JSON documents; the shapes are described in docs/reference/run-json.md."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pollwatch.cli.display.words import iso_time
from pollwatch.plan.checks import CheckPlan
from pollwatch.plan.samples import Sample
from pollwatch.plan.states import CheckState, Verdict

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetResult:
    """One target, probed once."""

    address: str
    """Empty when the probe chose an address itself."""
    verdict: Verdict
    sample: Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One Check, each target probed once."""

    check: CheckPlan
    verdict: Verdict
    targets: Sequence[TargetResult]

    @property
    def up(self) -> int:
        """How many targets are Up."""
        return sum(target.verdict is Verdict.UP for target in self.targets)


def dumps(document: Document | Sequence[Document], *, indent: int | None = None) -> str:
    """Write JSON as people read it, or on one line."""
    return json.dumps(document, indent=indent, ensure_ascii=False)


def sample_document(sample: Sample) -> Document:
    """Write one sample."""
    return {
        "started": iso_time(sample.started),
        "durationSeconds": _seconds(sample.duration),
        "outcome": sample.outcome.value,
        "reason": sample.reason.value if sample.reason else None,
        "evidence": sample.evidence,
        "address": sample.address,
        "resolved": list(sample.resolved),
        "phaseSeconds": {name: _seconds(value) for name, value in sample.phases._asdict().items()},
        "http": _http(sample),
        "tls": _tls(sample),
    }


def result_document(result: CheckResult) -> Document:
    """Write what one probe of each target of a Check found."""
    return {
        "namespace": result.check.key.namespace,
        "check": result.check.key.name,
        "target": result.check.target,
        "labels": dict(result.check.labels),
        "verdict": result.verdict.value,
        "targets": {"total": len(result.targets), "up": result.up},
        "samples": [
            {"target": target.address, "verdict": target.verdict.value, **sample_document(target.sample)}
            for target in result.targets
        ],
    }


def transition_document(state: CheckState) -> Document:
    """Write a transition."""
    return {
        "time": iso_time(state.at),
        "namespace": state.key.namespace,
        "check": state.key.name,
        "verdict": state.verdict.value,
        "previous": state.previous.value,
        "since": iso_time(state.since),
        "targets": {"total": state.total, "up": state.up},
        "reason": state.reason.value if state.reason else None,
        "address": state.address,
        "evidence": state.evidence,
    }


def _http(sample: Sample) -> Document | None:
    facts = sample.http
    if facts is None:
        return None
    return {
        "status": facts.status,
        "version": facts.version,
        "contentLength": facts.content_length if facts.content_length >= 0 else None,
        "bodyBytes": facts.body_bytes,
        "redirects": facts.redirects,
    }


def _tls(sample: Sample) -> Document | None:
    if sample.tls is None:
        return None
    return {
        "version": sample.tls.version,
        "cipher": sample.tls.cipher,
        "earliestExpiry": iso_time(sample.tls.earliest_expiry) if sample.tls.earliest_expiry else None,
    }


def _seconds(value: float) -> float:
    """Round to the microsecond: more digits are noise."""
    return round(value, 6)
