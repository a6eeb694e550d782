"""The JSON shapes are those of docs/reference/run-json.md."""

import json
import re
from pathlib import Path
from typing import Any

from pollwatch.cli.documents import CheckResult, TargetResult, dumps, transition_document
from pollwatch.cli.once import results_document
from pollwatch.plan.checks import CheckKey, CheckPlan, HttpProbe
from pollwatch.plan.samples import HttpFacts, Outcome, Phases, Reason, Sample, TlsFacts
from pollwatch.plan.states import CheckState, Verdict

PAGE = Path(__file__).parents[2] / "docs/reference/run-json.md"
KEY = CheckKey("public-sites", "immigration-front-page")
EVIDENCE = "status 500 Internal Server Error, expected 2xx"
SAMPLE = Sample(
    started=1478661022.512,
    duration=0.1420161,
    outcome=Outcome.FAILURE,
    reason=Reason.UNEXPECTED_STATUS,
    phases=Phases(0.000412, 0.012004, 0.031101, 0.098013, 0.000486),
    address="192.0.2.5",
    resolved=("192.0.2.4", "192.0.2.5"),
    tls=TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", 1484395200.0),
    http=HttpFacts(status=500, version="1.1", content_length=72, body_bytes=72, redirects=0, tls=True),
    evidence=EVIDENCE,
)
CHECK = CheckPlan(
    key=KEY,
    uid="",
    generation=0,
    period=30.0,
    timeout=10.0,
    target="https://www.immigration.example/",
    probe=HttpProbe(url="https://www.immigration.example/"),
    labels=(("team", "web"),),
)


def documented() -> list[Any]:
    """The examples on the page."""
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)]


def test_the_documented_result_of_once_is_what_is_written() -> None:
    bad = TargetResult(address="192.0.2.5", verdict=Verdict.DOWN, sample=SAMPLE)
    good = TargetResult(address="192.0.2.4", verdict=Verdict.UP, sample=SAMPLE)
    result = CheckResult(check=CHECK, verdict=Verdict.DEGRADED, targets=[bad, good])
    written = json.loads(dumps(results_document([result])))
    del written["checks"][0]["samples"][1]  # the page shows one
    assert written == documented()[0]


def test_the_documented_transition_is_what_is_written() -> None:
    state = CheckState(
        key=KEY,
        uid="",
        generation=0,
        verdict=Verdict.DEGRADED,
        previous=Verdict.UP,
        since=1478661022.654,
        at=1478661022.654,
        total=2,
        up=1,
        reason=Reason.UNEXPECTED_STATUS,
        address="192.0.2.5",
        evidence=EVIDENCE,
    )
    assert json.loads(dumps(transition_document(state))) == documented()[1]


def test_what_there_is_nothing_to_say_of_is_null_and_not_absent() -> None:
    sample = Sample(started=0.0, duration=0.0, outcome=Outcome.FAILURE, reason=Reason.CONNECT_REFUSED)
    target = TargetResult(address="", verdict=Verdict.DOWN, sample=sample)
    result = CheckResult(check=CHECK, verdict=Verdict.DOWN, targets=[target])
    (written,) = results_document([result])["checks"][0]["samples"]
    assert (written["http"], written["tls"], written["resolved"]) == (None, None, [])
    assert set(written["phaseSeconds"].values()) == {0.0}
