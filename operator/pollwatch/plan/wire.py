"""How states and reports travel from a worker to whoever reads its feed: lines of JSON.

A page of the feed is a head (`FeedHead`), one line a state, and an end that holds the cursor to go on
from. Both sides may be of different versions: fields that a reader does not know are ignored, and a value
that is missing from a closed set it knows becomes the nearest thing that says less, never more.

A worker talks to untrusted endpoints, so whoever reads its feed believes nothing: types, ranges and
lengths are checked, and what is wrong is a `WireError`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, NamedTuple, NoReturn

from pollwatch.plan.checks import CheckKey
from pollwatch.plan.reports import PlanFault, PlanReport, WorkerReport
from pollwatch.plan.samples import MAX_EVIDENCE, Reason
from pollwatch.plan.states import CheckState, Verdict

FORMAT = 1
"""Of the feed; a reader refuses another one."""
MAX_NAME = 253
"""Longest name of anything in Kubernetes (RFC 1123 subdomain), and longest host name."""
MAX_MESSAGE = 1024
"""Longest text for people in a report, characters."""
MAX_ITEMS = 100
"""Longest list in a report."""
MAX_INTEGER = 2**53
"""Up to here every JSON implementation reads integers exactly (RFC 8259, section 6)."""


class WireError(ValueError):
    """Not what a worker writes. The message is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHead:
    """What stands before the states on a page of the feed."""

    report: WorkerReport
    lost: int = 0
    """States after the reader's cursor that were overwritten before they were read."""
    snapshot: bool = False
    """Whether all Checks are on the page: the last line of each is its state now. Without it, there
    are only the states after the reader's cursor."""
    recent: int | None = None
    """How many of the states, the first ones, were found within the last quarter of an hour, whatever a
    wall clock says; `None`: that is not told."""
    now: float | None = None
    """What the worker's wall clock says, Unix seconds; `None`: that is not told."""


class FeedEnd(NamedTuple):
    """What stands after the states on a page of the feed."""

    cursor: int
    """Where to go on."""


def head_line(head: FeedHead) -> bytes:
    """Encode the first line of a page, line end included."""
    document = {
        "format": FORMAT,
        "report": report_document(head.report),
        "lost": head.lost,
        "snapshot": head.snapshot,
    }
    if head.recent is not None:
        document["recent"] = head.recent
    if head.now is not None:
        document["now"] = head.now
    return _line(document)


def read_head(line: bytes) -> FeedHead:
    """Read the first line of a page.

    Raises:
        WireError: It is none, or of another format.
    """
    fields = _Fields(_parse(line))
    if (found := fields.integer("format")) != FORMAT:
        raise WireError(f"the feed has format {found}, and only {FORMAT} is known here")
    return FeedHead(
        report=read_report(fields.mapping("report")),
        lost=fields.integer("lost"),
        snapshot=fields.boolean("snapshot"),
        recent=fields.integer("recent") if "recent" in fields.document else None,
        now=fields.number("now") if "now" in fields.document else None,
    )


def state_line(state: CheckState) -> bytes:
    """Encode a state, line end included."""
    document = {
        "namespace": state.key.namespace,
        "name": state.key.name,
        "uid": state.uid,
        "generation": state.generation,
        "verdict": state.verdict,
        "previous": state.previous,
        "since": state.since,
        "at": state.at,
        "total": state.total,
        "up": state.up,
    }
    if state.reason is not None:
        document |= {"reason": state.reason, "address": state.address, "evidence": state.evidence}
    return _line(document)


def read_state(line: bytes) -> CheckState:
    """Read a state.

    Raises:
        WireError: It is none.
    """
    return _state(_Fields(_parse(line)))


def end_line(end: FeedEnd) -> bytes:
    """Encode the last line of a page, line end included."""
    return _line({"cursor": end.cursor})


def read_line(line: bytes) -> CheckState | FeedEnd:
    """Read any line of a page but the first.

    Raises:
        WireError: It is neither a state nor the end.
    """
    document = _parse(line)
    fields = _Fields(document)
    return FeedEnd(fields.integer("cursor")) if "cursor" in document else _state(fields)


def report_document(report: WorkerReport) -> dict[str, Any]:
    """Make the JSON document of a report."""
    return {
        "instance": report.instance,
        "version": report.version,
        "worker": report.worker,
        "plan": plan_report_document(report.plan),
        "targets": report.targets,
        "probesPerSecond": report.probes_per_second,
        "utilisation": report.utilisation,
        "lateness": report.lateness,
        "missed": report.missed,
        "keys": list(report.keys),
    }


def read_report(document: Mapping[str, Any]) -> WorkerReport:
    """Read a report.

    Raises:
        WireError: It is none.
    """
    fields = _Fields(document)
    return WorkerReport(
        instance=fields.text("instance", MAX_NAME),
        version=fields.text("version", MAX_NAME),
        worker=fields.text("worker", MAX_NAME),
        plan=read_plan_report(fields.mapping("plan")),
        targets=fields.integer("targets"),
        probes_per_second=fields.number("probesPerSecond"),
        utilisation=fields.number("utilisation"),
        lateness=fields.number("lateness"),
        missed=fields.integer("missed"),
        keys=fields.texts("keys"),
    )


def plan_report_document(report: PlanReport) -> dict[str, Any]:
    """Make the JSON document of what became of a plan."""
    document: dict[str, Any] = {"revision": report.revision, "checks": report.checks}
    if report.unsupported:
        document["unsupported"] = list(report.unsupported)
    if report.fault is not None:
        document |= {"fault": report.fault, "message": report.message}
    return document


def read_plan_report(document: Mapping[str, Any]) -> PlanReport:
    """Read what became of a plan. A fault that is not known here is read as `Corrupt`.

    Raises:
        WireError: It is none.
    """
    fields = _Fields({"unsupported": [], "fault": "", "message": "", **document})
    fault = fields.text("fault", MAX_NAME)
    return PlanReport(
        revision=fields.integer("revision"),
        checks=fields.integer("checks"),
        unsupported=fields.texts("unsupported"),
        fault=(PlanFault(fault) if fault in _FAULTS else PlanFault.CORRUPT) if fault else None,
        message=fields.text("message", MAX_MESSAGE),
    )


_FAULTS = frozenset(PlanFault)
_VERDICTS = frozenset(Verdict)
_REASONS = frozenset(Reason)


def _state(fields: "_Fields") -> CheckState:
    failed = "reason" in fields.document
    reason = fields.text("reason", MAX_NAME) if failed else ""
    evidence = fields.text("evidence", MAX_EVIDENCE) if failed else ""
    if failed and reason not in _REASONS:
        # From a newer worker: people still read what it is called.
        evidence = f"{reason}: {evidence}"[:MAX_EVIDENCE]
    total, up = fields.integer("total"), fields.integer("up")
    if up > total:
        raise WireError(f"{up} of {total} targets are up")
    return CheckState(
        # Whoever reads it has these texts already: ten thousand times, that is megabytes.
        key=CheckKey(intern(fields.text("namespace", MAX_NAME)), intern(fields.text("name", MAX_NAME))),
        uid=intern(fields.text("uid", MAX_NAME)),
        generation=fields.integer("generation"),
        verdict=fields.verdict("verdict"),
        previous=fields.verdict("previous"),
        since=fields.number("since"),
        at=fields.number("at"),
        total=total,
        up=up,
        reason=Reason(reason) if reason in _REASONS else None,
        address=fields.text("address", MAX_NAME) if failed else "",
        evidence=evidence,
    )


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _parse(line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise WireError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise WireError("not a JSON object")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _printable(text: str) -> str:
    """Blank out what would steer a terminal, and halves of characters, which cannot even be encoded."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


class _Fields:
    """A document whose fields are read as what they must be."""

    __slots__ = ("document",)

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    def text(self, name: str, longest: int) -> str:
        """Read a text; what is too long is cut, and what cannot be printed is a blank."""
        value = self.document.get(name)
        if not isinstance(value, str):
            raise WireError(f"{name}: not a text")
        return _printable(value[:longest])

    def texts(self, name: str) -> tuple[str, ...]:
        """Read a list of texts; what is too long is cut."""
        value = self.document.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise WireError(f"{name}: not a list of texts")
        return tuple(_printable(item[: 2 * MAX_NAME]) for item in value[:MAX_ITEMS])

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.document.get(name)
        if not isinstance(value, dict):
            raise WireError(f"{name}: not an object")
        return value

    def boolean(self, name: str) -> bool:
        value = self.document.get(name)
        if not isinstance(value, bool):
            raise WireError(f"{name}: not a boolean")
        return value

    def integer(self, name: str) -> int:
        value = self.document.get(name)
        # A boolean is an int to Python.
        if type(value) is not int or not 0 <= value <= MAX_INTEGER:
            raise WireError(f"{name}: not an integer from 0 to 2^53")
        return value

    def number(self, name: str) -> float:
        value = self.document.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_INTEGER:
            raise WireError(f"{name}: not a number from 0 to 2^53")
        return float(value)

    def verdict(self, name: str) -> Verdict:
        """Read a verdict; one that is not known here is `Unknown`."""
        value = self.text(name, MAX_NAME)
        return Verdict(value) if value in _VERDICTS else Verdict.UNKNOWN
