"""What the status of a Check should be."""

from dataclasses import replace

from pollwatch.api.conditions import AcceptedReason
from pollwatch.api.status import CheckStatus as StatusModel
from pollwatch.control.conditions import rfc3339_micro
from pollwatch.control.data_plane import Found
from pollwatch.control.locations import Location, location_of
from pollwatch.control.record import Record
from pollwatch.control.status import CheckStatus, desired_status, has_verdict, read_status
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.samples import Reason
from pollwatch.plan.states import CheckState, Verdict
from tests.control.documents import ACCEPTED, REJECTED

NOW = 1_478_653_200.0

UP = CheckState(
    key=CheckKey("public-sites", "front-page"),
    uid="u",
    generation=1,
    verdict=Verdict.UP,
    previous=Verdict.UNKNOWN,
    since=NOW - 5,
    at=NOW - 5,
    total=3,
    up=3,
)
DEGRADED = replace(
    UP,
    verdict=Verdict.DEGRADED,
    previous=Verdict.UP,
    since=NOW,
    up=2,
    reason=Reason.UNEXPECTED_STATUS,
    address="192.0.2.7",
    evidence="status 500 Internal Server Error, expected 2xx",
)
NOT_PROBED_YET = replace(UP, verdict=Verdict.UNKNOWN, up=0)
CANNOT_PROBE = replace(NOT_PROBED_YET, reason=Reason.RESOURCES_EXHAUSTED)


def status(
    state: CheckState | None = UP, held: CheckStatus | None = None, *, now: float = NOW
) -> CheckStatus:
    """The status where the pool said that; `None`: it has said nothing, and nobody waits for it."""
    where = Location(pool="default", verdict=Verdict.UNKNOWN)
    standing = None
    if has_verdict(state) and state is not None:
        where = location_of("default", state, "")
        record = Record.begin("u", held, ("default",))
        record.note(Found(pool="default", state=state))
        list(record.turns(quorum=1))
        standing = record.standing
    return desired_status(ACCEPTED, found=(where,), standing=standing, held=held, now=now)


def test_what_is_written_is_read_back_as_the_same() -> None:
    for state in (UP, DEGRADED, None):
        wanted = status(state)
        written = {name: value for name, value in wanted.document().items() if value is not None}
        assert read_status(written) == wanted


def test_what_is_written_fits_the_models_of_the_api() -> None:
    for state in (UP, DEGRADED, None):
        StatusModel.model_validate(status(state).document())


def test_nothing_is_to_be_written_when_nothing_changed_however_much_time_passes() -> None:
    for state in (UP, DEGRADED, CANNOT_PROBE):
        held = status(state)
        assert status(state, held, now=NOW + 86_400) == held


def test_a_verdict_says_where_and_why() -> None:
    document = status(DEGRADED).document()
    assert document["verdict"] == "Degraded"
    assert document["targets"] == {"total": 3, "up": 2, "summary": "2/3"}
    assert (document["address"], document["reason"]) == ("192.0.2.7", "UnexpectedStatus")
    assert document["message"] == "status 500 Internal Server Error, expected 2xx"


def test_a_merge_patch_removes_the_reason_when_all_is_well_again() -> None:
    document = status(UP, held=status(DEGRADED)).document()
    assert [document[name] for name in ("address", "reason", "message")] == [None, None, None]


def test_the_verdicts_time_is_when_it_began() -> None:
    held = status(UP)
    assert held.last_transition_time == rfc3339_micro(UP.since)
    assert status(DEGRADED, held).last_transition_time == rfc3339_micro(DEGRADED.since)


def test_an_operator_that_restarts_keeps_the_time_of_a_verdict_that_is_still_true() -> None:
    held = status(UP)
    found_again = replace(UP, since=NOW + 600, at=NOW + 600)
    assert status(found_again, held, now=NOW + 600) == held


def test_until_the_first_verdict_after_a_restart_the_status_stays_as_it_is() -> None:
    held = status(DEGRADED)
    assert desired_status(ACCEPTED, found=None, held=held, now=NOW + 5) == held


def test_when_no_verdict_comes_the_one_that_is_held_is_given_up() -> None:
    held = status(DEGRADED)
    given_up = status(None, held, now=NOW + 60)
    assert given_up.verdict is Verdict.UNKNOWN
    assert given_up.last_transition_time == rfc3339_micro(NOW + 60)


def test_a_prober_that_cannot_probe_makes_the_verdict_unknown_at_once() -> None:
    assert status(CANNOT_PROBE, status(UP)).verdict is Verdict.UNKNOWN


def test_a_check_that_is_not_accepted_is_not_ready_and_has_no_verdict() -> None:
    rejected = desired_status(REJECTED, found=(location_of("default", UP, ""),), held=status(UP), now=NOW)
    accepted, ready = rejected.conditions
    assert (accepted.type, accepted.status, accepted.reason) == ("Accepted", "False", "SecretNotFound")
    assert (ready.type, ready.status, ready.reason) == ("Ready", "False", "NotAccepted")
    assert (rejected.verdict, rejected.total, rejected.up) == (Verdict.UNKNOWN, 0, 0)


def test_a_message_longer_than_the_schema_allows_is_cut() -> None:
    long = replace(REJECTED, accepted_message="x" * 5000)
    wanted = desired_status(long, found=None, held=None, now=NOW)
    StatusModel.model_validate(wanted.document())


def test_a_status_that_somebody_spoilt_is_read_as_far_as_it_goes() -> None:
    spoilt = read_status({"conditions": [{"type": "Ready"}], "verdict": "Sideways"})
    assert spoilt is not None
    assert spoilt.verdict is Verdict.UNKNOWN
    assert status(UP, spoilt).verdict is Verdict.UP


def test_a_check_whose_pool_is_gone_keeps_its_last_verdict() -> None:
    held = status(DEGRADED)
    gone = replace(REJECTED, accepted=AcceptedReason.POOL_NOT_FOUND, accepted_message="there is no pool east")
    kept = desired_status(gone, found=None, held=held, now=NOW + 60)
    assert (kept.verdict, kept.last_transition_time, kept.total, kept.up, kept.reason, kept.message) == (
        held.verdict,
        held.last_transition_time,
        held.total,
        held.up,
        held.reason,
        held.message,
    )
    assert [one.reason for one in kept.conditions] == ["PoolNotFound", "NotAccepted"]


def test_a_check_whose_every_address_is_refused_by_the_egress_policy_is_not_ready() -> None:
    denied = replace(
        UP, verdict=Verdict.UNKNOWN, up=0, reason=Reason.EGRESS_DENIED, evidence="10.0.0.1 is not allowed"
    )
    found = status(denied)
    accepted, ready = found.conditions
    assert (accepted.status, ready.status, ready.reason) == ("True", "False", "EgressDenied")
    assert "10.0.0.1 is not allowed" in ready.message
    assert status(UP, found).conditions[1].status == "True"


EAST = Location(
    pool="east",
    verdict=Verdict.DOWN,
    since="2016-11-08T20:00:00.000000Z",
    total=2,
    reason="Timeout",
    message="no answer",
    address="192.0.2.1",
)
WEST = Location(pool="west", verdict=Verdict.UP, since="2016-11-08T19:00:00.000000Z", total=2, up=2)


def several(*found: Location, held: CheckStatus | None = None) -> CheckStatus:
    return desired_status(ACCEPTED, found=found, quorum=2, held=held, now=NOW)


def test_what_fails_from_one_of_several_pools_says_from_where() -> None:
    document = several(EAST, WEST).document()
    assert document["verdict"] == "Degraded"
    assert document["message"] == "fails from east only (2 locations): no answer"
    assert (document["reason"], document["address"]) == ("Timeout", "192.0.2.1")
    assert document["targets"] == {"total": 4, "up": 2, "summary": "2/4"}
    assert document["locations"] == [
        {
            "pool": "east",
            "verdict": "Down",
            "since": "2016-11-08T20:00:00.000000Z",
            "targets": {"total": 2, "up": 0, "summary": "0/2"},
            "reason": "Timeout",
            "message": "no answer",
        },
        {
            "pool": "west",
            "verdict": "Up",
            "since": "2016-11-08T19:00:00.000000Z",
            "targets": {"total": 2, "up": 2, "summary": "2/2"},
        },
    ]
    StatusModel.model_validate(document)


def test_what_fails_from_a_quorum_is_down_and_from_all_says_so() -> None:
    status = several(EAST, replace(EAST, pool="west"))
    assert status.verdict is Verdict.DOWN
    assert status.message == "fails from all 2 locations: no answer"
    three = several(EAST, replace(EAST, pool="north"), WEST)
    assert three.message == "fails from east, north (2 of 3 locations): no answer"


def test_a_status_of_several_locations_is_read_back_as_the_same() -> None:
    wanted = several(EAST, WEST)
    written = {name: value for name, value in wanted.document().items() if value is not None}
    assert read_status(written) == wanted
    assert several(EAST, WEST, held=read_status(written)) == wanted


def test_one_pool_needs_no_list_of_locations() -> None:
    assert status(DEGRADED).document()["locations"] is None
