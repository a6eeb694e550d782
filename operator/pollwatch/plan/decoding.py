"""Plans, decoded: the worker's half of the codec."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from pollwatch.plan.blocks import pieces, unpack
from pollwatch.plan.check_codec import read_check, read_key, read_text
from pollwatch.plan.checks import CheckPlan, Plan
from pollwatch.plan.errors import PlanError
from pollwatch.plan.header import BlockEntry, Header, read_header
from pollwatch.plan.records import UnreadableError, read_json
from pollwatch.plan.reports import PlanFault

Breathe = Callable[[], Awaitable[None]]
"""Lets others run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedPlan:
    """What a worker understands of a plan."""

    plan: Plan
    header: Header
    unsupported: tuple[str, ...] = ()
    """Keys (`namespace/name`) of the Checks that need a newer worker, sorted; they are not in the plan."""


class _Decoded(NamedTuple):
    checks: tuple[CheckPlan, ...]
    unsupported: tuple[str, ...]


class PlanDecoder:
    """Decodes the plans of one worker, one after the other.

    What a plan shares with the last good one is not decoded again: it has the very same objects.
    """

    def __init__(self) -> None:
        self._decoded: Mapping[str, _Decoded] = {}
        self._checks: tuple[CheckPlan, ...] = ()

    async def decode(self, header: bytes, payload: bytes, *, breathe: Breathe) -> DecodedPlan:
        """Decode a plan.

        Args:
            header: As `EncodedPlan.header` gives it.
            payload: All parts, one after the other.
            breathe: Awaited between short pieces of work (well below a millisecond, unless a Check is
                very large): lets others run.

        Raises:
            PlanError: The plan cannot be taken up; nothing of it is kept.
        """
        head = read_header(header)
        if sum(block.packed for block in head.blocks) != len(payload):
            raise PlanError(
                PlanFault.TORN,
                f"the parts of the plan have {len(payload)} bytes and plan.json speaks of"
                f" {sum(block.packed for block in head.blocks)}: they are of different plans, or cut short",
            )
        decoded: dict[str, _Decoded] = {}
        texts: dict[str, str] = {}
        start = 0
        for number, entry in enumerate(head.blocks):
            packed = memoryview(payload)[start : start + entry.packed]
            start += entry.packed
            await _compare(packed, entry, number, breathe)
            if entry.texts:
                texts.update(await _read_texts(packed, entry, breathe))
            else:
                known = self._decoded.get(entry.sha256)
                decoded[entry.sha256] = known or await _read_checks(packed, entry, texts, breathe)
        checks = self._merge(decoded)
        self._decoded, self._checks = decoded, checks
        return DecodedPlan(
            plan=Plan(checks=checks, egress=head.egress),
            header=head,
            unsupported=tuple(sorted(key for one in decoded.values() for key in one.unsupported)),
        )

    def _merge(self, decoded: Mapping[str, _Decoded]) -> tuple[CheckPlan, ...]:
        """Put all Checks in order: quick where most are in order already."""
        gone = {
            id(check)
            for digest, block in self._decoded.items()
            if digest not in decoded
            for check in block.checks
        }
        checks = [check for check in self._checks if id(check) not in gone]
        for digest, block in decoded.items():
            if digest not in self._decoded:
                checks.extend(block.checks)
        checks.sort(key=attrgetter("key"))
        return tuple(checks)


async def _compare(packed: memoryview, entry: BlockEntry, number: int, breathe: Breathe) -> None:
    digest = hashlib.sha256()
    for piece in pieces(packed):
        digest.update(piece)
        await breathe()
    if digest.hexdigest() != entry.sha256:
        raise PlanError(
            PlanFault.TORN,
            f"block {number} of the plan is not the one that plan.json speaks of: the parts are of"
            " different plans, or one was changed",
        )


async def _read_texts(packed: memoryview, entry: BlockEntry, breathe: Breathe) -> dict[str, str]:
    texts: dict[str, str] = {}
    for line in unpack(packed, entry.unpacked):
        try:
            digest, text = read_text(read_json(line))
        except UnreadableError as error:
            raise PlanError(PlanFault.CORRUPT, f"a block of the plan has {error}") from None
        texts[digest] = text
        await breathe()
    if len(texts) != entry.texts:
        raise PlanError(PlanFault.CORRUPT, "a block of the plan has not as many texts as plan.json says")
    return texts


async def _read_checks(
    packed: memoryview, entry: BlockEntry, texts: Mapping[str, str], breathe: Breathe
) -> _Decoded:
    checks: list[CheckPlan] = []
    unsupported: list[str] = []
    for line in unpack(packed, entry.unpacked):
        try:
            document = read_json(line)
            key = read_key(document)
        except UnreadableError as error:
            raise PlanError(PlanFault.CORRUPT, f"a block of the plan has {error}") from None
        try:
            checks.append(read_check(document, texts))
        except UnreadableError:
            unsupported.append(str(key))
        await breathe()
    if len(checks) + len(unsupported) != entry.checks:
        raise PlanError(PlanFault.CORRUPT, "a block of the plan has not as many Checks as plan.json says")
    return _Decoded(tuple(checks), tuple(unsupported))
