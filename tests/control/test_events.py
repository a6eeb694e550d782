"""What is news, and that it is told once."""

from dataclasses import replace

from pollwatch.control.events import News, event_document, news
from pollwatch.control.status import Admission, CheckStatus, desired_status
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.samples import Reason
from pollwatch.plan.states import CheckState, Verdict
from tests.control.documents import ACCEPTED, REJECTED

KEY = CheckKey("public-sites", "front-page")
NOW = 1_478_653_200.0

STATE = CheckState(
    key=KEY,
    uid="u",
    generation=1,
    verdict=Verdict.UP,
    previous=Verdict.UNKNOWN,
    since=NOW,
    at=NOW,
    total=5,
    up=5,
)


def status(
    verdict: Verdict = Verdict.UP,
    *,
    up: int = 5,
    admission: Admission = ACCEPTED,
    held: CheckStatus | None = None,
    reason: Reason | None = None,
    evidence: str = "",
) -> CheckStatus:
    state = replace(STATE, verdict=verdict, up=up, reason=reason, address="192.0.2.1", evidence=evidence)
    return desired_status(admission, state=state, held=held, patient=False, now=NOW)


def told(before: CheckStatus | None, after: CheckStatus) -> list[tuple[str, bool]]:
    return [(one.reason, one.warning) for one in news(KEY, "u", before, after)]


def failing(verdict: Verdict, up: int) -> CheckStatus:
    return status(verdict, up=up, reason=Reason.UNEXPECTED_STATUS, evidence="status 500, expected 2xx")


def test_a_check_that_is_up_from_the_start_is_no_news() -> None:
    assert told(None, status()) == []


def test_worse_is_a_warning_and_better_is_not() -> None:
    up, degraded, down = status(), failing(Verdict.DEGRADED, 4), failing(Verdict.DOWN, 0)
    assert told(up, degraded) == [("Degraded", True)]
    assert told(degraded, down) == [("Down", True)]
    assert told(down, degraded) == [("Degraded", False)]
    assert told(degraded, up) == [("Up", False)]


def test_a_check_that_is_down_from_the_start_is_news() -> None:
    assert told(None, failing(Verdict.DOWN, 0)) == [("Down", True)]


def test_that_counts_or_reasons_change_is_no_news() -> None:
    assert told(failing(Verdict.DEGRADED, 4), failing(Verdict.DEGRADED, 3)) == []


def test_a_prober_that_cannot_see_is_told_and_so_is_the_end_of_it() -> None:
    blind = status(Verdict.UNKNOWN, up=0, reason=Reason.RESOURCES_EXHAUSTED)
    assert told(status(), blind) == [("Unknown", True)]
    assert told(blind, status()) == [("Up", False)]


def test_a_check_that_is_not_accepted_is_told_once_and_so_is_that_it_was_mended() -> None:
    rejected = status(admission=REJECTED)
    assert told(None, rejected) == [("SecretNotFound", True)]
    assert told(rejected, status(admission=REJECTED, held=rejected)) == []
    assert told(rejected, status(held=rejected)) == [("Accepted", False)]


def test_another_reason_not_to_be_accepted_is_told() -> None:
    rejected = status(admission=REJECTED)
    other = status(admission=replace(REJECTED, accepted_message="another field"), held=rejected)
    assert told(rejected, other) == [("SecretNotFound", True)]


def test_the_note_says_how_many_where_and_why() -> None:
    (one,) = news(KEY, "u", status(), failing(Verdict.DEGRADED, 4))
    assert one.note == (
        "Degraded (was Up): 4 of 5 targets up; UnexpectedStatus at 192.0.2.1; status 500, expected 2xx"
    )


def test_the_same_turn_has_the_same_name_and_another_one_has_not() -> None:
    def name(after: CheckStatus) -> str:
        (one,) = news(KEY, "u", status(), after)
        return one.name

    later = replace(failing(Verdict.DOWN, 0), last_transition_time="2016-11-08T21:00:00Z")
    assert name(failing(Verdict.DOWN, 0)) == name(failing(Verdict.DOWN, 0))
    assert name(failing(Verdict.DOWN, 0)) != name(later)


def test_an_event_fits_the_limits_of_the_api() -> None:
    said = News(key=KEY, uid="u", warning=True, reason="Down", action="Judge", note="é" * 2000, since="2016")
    document = event_document(said, instance="h" * 300, now=NOW)
    assert len(document["note"].encode()) <= 1024
    assert len(document["reportingInstance"]) <= 128
    assert document["eventTime"] == "2016-11-09T01:00:00.000000Z"
    assert document["regarding"]["uid"] == "u"
