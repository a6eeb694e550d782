"""A torn, damaged or malicious plan is refused: never half believed, and never at a worker's expense."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollwatch.plan.checks import Plan
from pollwatch.plan.codec import PlanDecoder, PlanEncoder, PlanError, read_header
from pollwatch.plan.reports import PlanFault
from tests.support.decoding import decode
from tests.support.forged_plans import block_entry, forged_block, forged_header, forged_payload, sealed
from tests.support.plans import make_large_check

MEBIBYTE = 1 << 20


CHECKS = [make_large_check(f"check-{number:02}", 500) for number in range(30)]
PLAN = Plan(checks=tuple(CHECKS))
CHANGED = Plan(checks=tuple(replace(check, period=11.0) for check in CHECKS))
ENCODER = PlanEncoder(pool="east", worker="east-0", part_bytes=4_000)
ENCODED, ENCODED_CHANGED = ENCODER.encode(PLAN), ENCODER.encode(CHANGED)
HEADER, PAYLOAD = ENCODED.header(17), ENCODED.payload


def fault(header: bytes, payload: bytes) -> PlanError:
    with pytest.raises(PlanError) as refused:
        decode(header, payload)
    assert "\n" not in str(refused.value)
    return refused.value


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_the_plans_of_these_tests_have_several_parts() -> None:
    assert len(ENCODED.parts) == len(ENCODED_CHANGED.parts) >= 3


@given(st.lists(st.booleans(), min_size=len(ENCODED.parts), max_size=len(ENCODED.parts)))
def test_parts_of_two_revisions_are_torn_or_all_of_the_one_that_the_header_names(newer: list[bool]) -> None:
    parts = [
        new if is_newer else old
        for old, new, is_newer in zip(ENCODED.parts, ENCODED_CHANGED.parts, newer, strict=True)
    ]
    payload = b"".join(parts)
    for encoded, plan in ((ENCODED, PLAN), (ENCODED_CHANGED, CHANGED)):
        if tuple(parts) == encoded.parts:
            assert decode(encoded.header(1), payload).plan == plan
        else:
            assert fault(encoded.header(1), payload).fault is PlanFault.TORN


def test_a_torn_plan_says_that_its_parts_do_not_belong_together() -> None:
    payload = b"".join((*ENCODED.parts[:-1], ENCODED_CHANGED.parts[-1]))

    assert "different plans" in str(fault(HEADER, payload))


@given(st.integers(0, len(PAYLOAD) - 1))
def test_a_payload_that_ends_early_is_torn(length: int) -> None:
    assert fault(HEADER, PAYLOAD[:length]).fault is PlanFault.TORN


@given(st.binary(min_size=1))
def test_a_payload_that_goes_on_is_torn(more: bytes) -> None:
    assert fault(HEADER, PAYLOAD + more).fault is PlanFault.TORN


def test_parts_in_another_order_are_torn() -> None:
    assert fault(HEADER, b"".join(reversed(ENCODED.parts))).fault is PlanFault.TORN


@given(st.integers(0, 8 * len(PAYLOAD) - 1))
def test_one_bit_of_a_payload_is_enough_to_refuse_it(bit: int) -> None:
    assert fault(HEADER, flipped(PAYLOAD, bit)).fault is PlanFault.TORN


@settings(max_examples=500)
@given(st.integers(0, 8 * len(HEADER) - 1))
def test_one_bit_of_a_header_never_makes_another_plan(bit: int) -> None:
    try:
        decoded = decode(flipped(HEADER, bit), PAYLOAD)
    except PlanError:
        return
    # The revision is not part of what a plan is.
    assert decoded.plan == PLAN
    assert decoded.header.digest == ENCODED.digest


@given(st.integers(0, len(HEADER) - 1))
def test_a_header_that_ends_early_is_corrupt(length: int) -> None:
    assert fault(HEADER[:length], PAYLOAD).fault is PlanFault.CORRUPT


@given(st.binary(), st.binary())
def test_bytes_are_no_plan(header: bytes, payload: bytes) -> None:
    assert fault(header, payload).fault is PlanFault.CORRUPT


json_documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["pool", "worker", "revision", "parts", "blocks", "egress", "format", "hints"]),
        json_documents,
    )
)
def test_whatever_a_header_says_nothing_but_a_plan_error_comes_of_it(fields: dict[str, Any]) -> None:
    header = forged_header(**fields)

    with pytest.raises(PlanError):
        decode(header, PAYLOAD)


@given(st.lists(json_documents, min_size=1, max_size=3))
def test_whatever_a_line_says_nothing_but_a_plan_error_comes_of_it(lines: list[Any]) -> None:
    payload, entry = forged_payload(lines)

    assert fault(forged_header(blocks=[entry]), payload).fault is PlanFault.CORRUPT


@given(
    st.dictionaries(st.sampled_from(["uid", "generation", "period", "probe", "labels", "x"]), json_documents)
)
def test_whatever_a_check_says_it_is_probed_or_needs_a_newer_worker(fields: dict[str, Any]) -> None:
    payload, entry = forged_payload([{"key": ["a", "b"], **fields}])

    assert decode(forged_header(blocks=[entry]), payload).unsupported == ("a/b",)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b"", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'{"format":1', "not a JSON object"),
        (b'{"format":NaN}', "not a JSON object"),
        (b"[" * 100_000, "not a JSON object"),
        (b'{"a":' * 100_000, "not a JSON object"),
        (b'"' + b"a" * 2 * MEBIBYTE + b'"', "longer than 1048576 bytes"),
        (b"{}", "does not say its format"),
        (b'{"format":true}', "does not say its format"),
        (b'{"format":1}', "its digest is another"),
        (HEADER.replace(b'"east-0"', b'"east-1"'), "its digest is another"),
        (forged_header(revision=0), "revision 0"),
        (forged_header(revision=-1), "revision -1"),
        (forged_header(revision=2**60), "no revision"),
        (forged_header(parts=-1), "below zero"),
        (forged_header(blocks=[{"sha256": "", "packed": -1, "unpacked": 1}]), "below zero"),
        (forged_header(blocks=[{"sha256": "", "packed": 1, "unpacked": -1}]), "below zero"),
    ],
)
def test_a_header_that_no_operator_writes_says_what_is_wrong_with_it(header: bytes, says: str) -> None:
    refused = fault(header, b"")

    assert refused.fault is PlanFault.CORRUPT
    assert says in str(refused)


def test_a_header_that_was_edited_by_hand_is_told() -> None:
    edited = json.loads(HEADER) | {"egress": {"defaultAllow": True}}

    assert "was changed after it was written" in str(fault(json.dumps(edited).encode(), PAYLOAD))


def test_a_header_may_be_written_with_other_spaces() -> None:
    assert read_header(json.dumps(json.loads(HEADER), indent=2).encode() + b"\n") == read_header(HEADER)


LINE = json.dumps({"key": ["a", "b"]}).encode() + b"\n"


def block_of(content: bytes, **entry: Any) -> tuple[bytes, bytes]:
    payload, declared = forged_block(content)
    return forged_header(blocks=[declared | entry]), payload


def raw_block(packed: bytes, **entry: Any) -> tuple[bytes, bytes]:
    return forged_header(blocks=[block_entry(packed, **entry)]), packed


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        block_of(LINE, checks=2),
        block_of(LINE * 2, checks=1),
        block_of(LINE, checks=0),
        block_of(LINE, checks=1, unpacked=len(LINE) - 1),
        block_of(LINE, checks=1, unpacked=len(LINE) + 1),
        block_of(LINE, checks=1, unpacked=0),
        block_of(LINE[:-1], checks=1),
        block_of(LINE + b"{}", checks=1),
        block_of(b"\n", checks=1),
        block_of(LINE, texts=1),
        block_of(b'"a text"\n', checks=1),
        block_of(b"\xff\n", checks=1),
        block_of(b"[" * 100_000 + b"\n", checks=1),
        block_of(LINE.rstrip() + b" {}\n", checks=1),
        raw_block(b"", unpacked=0, checks=0),
        raw_block(b"not gzip", unpacked=8, checks=1),
        raw_block(forged_block(LINE)[0][:-1], unpacked=len(LINE), checks=1),
        raw_block(flipped(forged_block(LINE)[0], 8 * (len(forged_block(LINE)[0]) - 5)), unpacked=len(LINE)),
        raw_block(forged_block(LINE)[0] + b"more", unpacked=len(LINE), checks=1),
        raw_block(forged_block(LINE)[0] * 2, unpacked=2 * len(LINE), checks=2),
    ],
)
def test_a_block_that_no_operator_writes_is_corrupt_though_its_hash_is_right(
    header: bytes, payload: bytes
) -> None:
    assert fault(header, payload).fault is PlanFault.CORRUPT


def peak_of(header: bytes, payload: bytes) -> int:
    tracemalloc.start()
    try:
        fault(header, payload)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_is_not_unpacked_beyond_what_its_header_says() -> None:
    payload, entry = forged_block(bytes(256 * MEBIBYTE), checks=1)
    assert len(payload) < MEBIBYTE

    assert peak_of(forged_header(blocks=[entry | {"unpacked": 1_000}]), payload) < MEBIBYTE


def test_a_gzip_bomb_that_says_so_is_not_unpacked_at_all() -> None:
    payload, entry = forged_block(bytes(65 * MEBIBYTE), checks=1)
    header = forged_header(blocks=[entry | {"unpacked": 65 * MEBIBYTE}])

    assert peak_of(header, payload) < MEBIBYTE
    assert "longer than 67108864 bytes when unpacked" in str(fault(header, payload))


def test_many_small_blocks_are_no_way_round_the_limit() -> None:
    payload, entry = forged_block(bytes(MEBIBYTE), checks=1)
    header = forged_header(blocks=[entry | {"unpacked": MEBIBYTE}] * 65)

    assert peak_of(header, payload * 65) < MEBIBYTE


def test_after_a_plan_that_was_refused_the_last_good_one_is_as_it_was() -> None:
    decoder = PlanDecoder()
    before = decode(HEADER, PAYLOAD, decoder).plan.checks
    torn = b"".join((*ENCODED_CHANGED.parts[:-1], ENCODED.parts[-1]))
    with pytest.raises(PlanError):
        decode(ENCODED_CHANGED.header(18), torn, decoder)
    after = decode(HEADER, PAYLOAD, decoder).plan.checks

    assert [id(check) for check in after] == [id(check) for check in before]


def test_a_block_that_was_read_before_is_hashed_all_the_same() -> None:
    decoder = PlanDecoder()
    decode(HEADER, PAYLOAD, decoder)

    with pytest.raises(PlanError) as refused:
        decode(HEADER, flipped(PAYLOAD, 100), decoder)
    assert refused.value.fault is PlanFault.TORN


def test_reading_that_is_cancelled_keeps_nothing() -> None:
    decoder = PlanDecoder()
    before = decode(HEADER, PAYLOAD, decoder).plan.checks

    async def cancelled_midway() -> None:
        breaths = iter(range(20))

        async def breathe() -> None:
            if next(breaths, None) is None:
                raise asyncio.CancelledError

        await decoder.decode(ENCODED_CHANGED.header(18), ENCODED_CHANGED.payload, breathe=breathe)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled_midway())
    assert decode(HEADER, PAYLOAD, decoder).plan.checks == before


def test_a_secret_value_is_in_no_message() -> None:
    payload, entry = forged_payload([{"key": "hunter2", "probe": "hunter2"}])

    assert "hunter2" not in str(fault(forged_header(blocks=[entry]), payload))
    assert "hunter2" not in str(fault(sealed({**json.loads(HEADER), "parts": "hunter2"}), payload))
