"""Plans travel to workers whole, and cost little when little of them changes."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.plan.checks import (
    CheckKey,
    CheckPlan,
    Header,
    HttpProbe,
    Plan,
    Probe,
    TlsOptions,
)
from pollwatch.plan.codec import (
    DecodedPlan,
    EncodedPlan,
    PlanDecoder,
    PlanEncoder,
    PlanTooLargeError,
    read_header,
)
from pollwatch.plan.egress import EgressPolicy, EgressRule
from tests.support.any_plans import any_plans
from tests.support.decoding import decode
from tests.support.plans import make_check, make_large_check

BUNDLE = "-----BEGIN CERTIFICATE-----\n" + "".join(f"{number * 7919:08x}" for number in range(25_000))
"""200 kB that do not pack well, as certificates do not."""


def plan_of(*checks: CheckPlan, egress: EgressPolicy | None = None) -> Plan:
    plan = Plan(checks=tuple(sorted(checks, key=lambda check: check.key)))
    return plan if egress is None else replace(plan, egress=egress)


def many(count: int, **changes: object) -> list[CheckPlan]:
    return [make_check(f"check-{number:05}", **changes) for number in range(count)]


def encoder(part_bytes: int | None = None) -> PlanEncoder:
    if part_bytes is None:
        return PlanEncoder(pool="east", worker="east-0")
    return PlanEncoder(pool="east", worker="east-0", part_bytes=part_bytes)


def decoded(encoded: EncodedPlan, decoder: PlanDecoder | None = None) -> DecodedPlan:
    return decode(encoded.header(1), encoded.payload, decoder)


def blocks(encoded: EncodedPlan) -> set[str]:
    return {block.sha256 for block in encoded.content.blocks}


@given(any_plans)
def test_a_worker_reads_what_the_operator_wrote_whatever_it_is(plan: Plan) -> None:
    read = decoded(encoder().encode(plan))

    assert read.plan == plan
    assert read.unsupported == ()


@given(any_plans)
def test_the_same_plan_is_the_same_bytes_from_every_operator(plan: Plan) -> None:
    one, other = encoder().encode(plan), encoder().encode(replace(plan))

    assert one.parts == other.parts
    assert one.digest == other.digest
    assert one.header(7) == other.header(7)


@settings(max_examples=30)
@given(any_plans, any_plans, any_plans)
def test_what_was_encoded_before_makes_no_difference(first: Plan, second: Plan, third: Plan) -> None:
    one = encoder()
    one.encode(first)
    one.encode(second)

    assert one.encode(third).parts == encoder().encode(third).parts
    assert one.encode(third).digest == encoder().encode(third).digest


@settings(max_examples=25)
@given(
    steps=st.lists(
        st.dictionaries(st.integers(0, 199), st.sampled_from((None, 10.0, 20.0)), max_size=5), max_size=4
    ),
    private=st.sets(st.integers(0, 199), max_size=3),
)
def test_a_plan_that_changes_little_by_little_is_encoded_as_if_each_was_the_first(
    steps: list[dict[int, float | None]], private: set[int]
) -> None:
    trusting = HttpProbe(url="https://a/", tls=TlsOptions(ca_pem="a bundle"))
    checks = dict(enumerate(many(200)))
    for number in private:
        checks[number] = replace(checks[number], probe=trusting)
    one = encoder()
    for step in [{}, *steps]:
        for number, period in step.items():
            if period is None:
                checks.pop(number, None)
            else:
                checks[number] = make_check(f"check-{number:05}", period=period)
        plan = plan_of(*checks.values())
        assert one.encode(plan).parts == encoder().encode(plan).parts
        assert one.encode(plan).digest == encoder().encode(plan).digest


@settings(max_examples=30)
@given(any_plans, any_plans, any_plans)
def test_what_was_decoded_before_makes_no_difference(first: Plan, second: Plan, third: Plan) -> None:
    one = PlanDecoder()
    for plan in (first, second, third, first):
        assert decoded(encoder().encode(plan), one).plan == plan


def test_the_header_says_whose_plan_it_is_and_which() -> None:
    encoded = encoder().encode(plan_of(*many(3)))
    header = read_header(encoded.header(17))

    assert (header.pool, header.worker, header.revision, header.checks) == ("east", "east-0", 17, 3)
    assert header.digest == encoded.digest
    assert header.parts == len(encoded.parts)


def test_the_digest_tells_plans_apart_and_not_revisions() -> None:
    one = encoder().encode(plan_of(*many(3)))
    denied = encoder().encode(plan_of(*many(3), egress=EgressPolicy(default_allow=False)))
    elsewhere = PlanEncoder(pool="east", worker="east-1").encode(plan_of(*many(3)))

    assert len({one.digest, denied.digest, elsewhere.digest}) == 3
    assert read_header(one.header(1)).digest == read_header(one.header(2)).digest


def test_a_person_can_read_a_plan_with_gunzip() -> None:
    encoded = encoder().encode(plan_of(*many(100)))
    lines = gzip.decompress(b"".join(encoded.parts)).splitlines()

    assert len(lines) == 100
    assert {json.loads(line)["key"][1] for line in lines} == {check.key.name for check in many(100)}


def test_what_has_its_default_is_not_written() -> None:
    encoded = encoder().encode(plan_of(make_check()))

    assert json.loads(gzip.decompress(encoded.payload)) == {
        "key": ["public-sites", "front-page"],
        "uid": "uid-of-front-page",
        "generation": 1,
        "period": 10.0,
        "timeout": 5.0,
        "target": "https://www.example.org/",
        "probe": {"http": {"url": "https://www.example.org/"}},
    }


def test_a_plan_that_did_not_change_is_not_encoded_again() -> None:
    one = encoder()
    first = one.encode(plan_of(*many(100)))

    assert one.encode(plan_of(*many(100))) is first


def test_one_changed_check_of_2500_changes_one_block_and_leaves_all_others_as_they_were() -> None:
    one, checks = encoder(), many(2_500)
    before = one.encode(plan_of(*checks))
    after = one.encode(plan_of(replace(checks[1_234], period=20.0), *checks[:1_234], *checks[1_235:]))

    assert len(blocks(before)) == 64
    assert len(blocks(after) - blocks(before)) == 1
    assert len(blocks(before) - blocks(after)) == 1


def test_a_worker_keeps_the_very_objects_of_what_did_not_change() -> None:
    one, checks, reading = encoder(), many(2_500), PlanDecoder()
    before = {check.key: check for check in decoded(one.encode(plan_of(*checks)), reading).plan.checks}
    changed = replace(checks[1_234], period=20.0)
    after = decoded(one.encode(plan_of(changed, *checks[:1_234], *checks[1_235:])), reading).plan.checks
    new = [check for check in after if before[check.key] is not check]

    assert changed in new
    assert len(new) < 2_500 / 64 * 3, "at most the Checks of one block"


def test_checks_that_come_and_go_leave_the_others_in_their_order() -> None:
    one, checks, reading = encoder(), many(500), PlanDecoder()
    for some in (checks, checks[:400], checks[100:], checks[::2], [], checks):
        assert decoded(one.encode(plan_of(*some)), reading).plan.checks == tuple(some)


def test_a_bundle_that_all_checks_trust_is_written_once() -> None:
    tls = TlsOptions(ca_pem=BUNDLE)
    without = encoder().encode(plan_of(*many(640)))
    encoded = encoder().encode(plan_of(*many(640, probe=HttpProbe(url="https://a/", tls=tls))))

    assert encoded.size - without.size < 2 * len(gzip.compress(BUNDLE.encode()))
    texts = [check.probe.tls.ca_pem for check in decoded(encoded).plan.checks if check.probe.tls]
    assert set(texts) == {BUNDLE}
    assert len(set(map(id, texts))) == 1, "and is in memory once"


def test_another_bundle_is_another_plan() -> None:
    def trusting(bundle: str) -> Plan:
        probe = HttpProbe(url="https://a/", tls=TlsOptions(ca_pem=bundle))
        return plan_of(*many(5), make_check("private", probe=probe))

    one, reading = encoder(), PlanDecoder()
    for bundle in ("first", "second", "first"):
        assert decoded(one.encode(trusting(bundle)), reading).plan == trusting(bundle)


def test_reading_a_plan_lets_others_run_between_checks() -> None:
    encoded = encoder().encode(plan_of(*many(2_500)))
    breaths = 0

    async def breathe() -> None:
        nonlocal breaths
        breaths += 1

    asyncio.run(PlanDecoder().decode(encoded.header(1), encoded.payload, breathe=breathe))

    assert breaths >= 2_500


def test_a_plan_without_checks_is_a_plan() -> None:
    assert decoded(encoder().encode(Plan())).plan == Plan()


@pytest.mark.parametrize(("length", "parts"), [(100, 1), (9_000, 3), (30_000, 8)])
def test_a_payload_is_cut_into_parts_of_the_length_given_and_joined_again(length: int, parts: int) -> None:
    plan = plan_of(*(make_large_check(f"check-{number}", length) for number in range(5)))
    encoded = encoder(part_bytes=20_000).encode(plan)

    assert len(encoded.parts) == parts
    assert all(0 < len(part) <= 20_000 for part in encoded.parts)
    assert decoded(encoded).plan == plan


def test_parts_end_where_blocks_do_so_that_a_change_leaves_the_others_as_they_are() -> None:
    checks = [make_large_check(f"check-{number}", 3_000) for number in range(30)]
    one = encoder(part_bytes=40_000)
    before = one.encode(plan_of(*checks))
    after = one.encode(plan_of(replace(checks[3], period=11.0), *checks[:3], *checks[4:]))

    assert len(before.parts) >= 3
    assert sum(old != new for old, new in zip(before.parts, after.parts, strict=True)) == 1


def test_the_first_part_and_the_longest_header_fit_into_a_secret_of_one_mebibyte() -> None:
    plan = plan_of(*(make_large_check(f"check-{number}", 30_000) for number in range(60)))
    encoded = encoder().encode(plan)

    assert len(encoded.parts) > 1
    assert max(map(len, encoded.parts)) + 120 * 1024 <= 1 << 20
    assert len(encoded.header(2**53)) <= 120 * 1024


def test_a_plan_that_no_secrets_can_hold_is_told_in_one_line_that_helps() -> None:
    plan = plan_of(*(make_large_check(f"check-{number}", 10_000) for number in range(20)))

    with pytest.raises(PlanTooLargeError) as refused:
        encoder(part_bytes=20_000).encode(plan)
    assert "worker 'east-0' has 20 Checks" in str(refused.value)
    assert "8 Secrets of 19.5 KiB: give the pool more workers" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_plan_that_a_worker_would_not_unpack_is_not_written() -> None:
    body = bytes(1 << 20)
    plan = plan_of(*many(60, probe=HttpProbe(url="https://a/", body=body)))

    with pytest.raises(PlanTooLargeError, match=r"64\.0 MiB"):
        encoder().encode(plan)


def test_a_policy_that_does_not_fit_beside_a_part_is_told() -> None:
    rules = tuple(EgressRule(hosts=(f"{number:0200}.example.org",)) for number in range(700))

    with pytest.raises(PlanTooLargeError, match="egress policy of pool 'east' is longer than 120 KiB"):
        encoder().encode(plan_of(egress=EgressPolicy(deny=rules)))


def test_an_encoder_that_refused_a_plan_encodes_the_next() -> None:
    one = encoder(part_bytes=20_000)
    with pytest.raises(PlanTooLargeError):
        one.encode(plan_of(*(make_large_check(f"check-{number}", 10_000) for number in range(20))))

    assert decoded(one.encode(plan_of(*many(3)))).plan == plan_of(*many(3))


def test_no_secret_is_in_the_representation_of_an_encoded_plan() -> None:
    probe: Probe = HttpProbe(url="https://a/", headers=(Header(name="Authorization", value="hunter2"),))
    encoded = encoder().encode(plan_of(make_check(probe=probe)))

    assert "hunter2" in gzip.decompress(encoded.payload).decode()
    assert "b'" not in repr(encoded)
    assert "hunter2" not in repr(decoded(encoded))


def test_keys_stand_in_the_order_of_namespace_and_name() -> None:
    keys = [CheckKey("b", "a"), CheckKey("a", "b"), CheckKey("a", "a")]
    checks = [make_check(str(key), key=key) for key in keys]

    read = decoded(encoder().encode(plan_of(*checks)))
    assert [check.key for check in read.plan.checks] == sorted(keys)
