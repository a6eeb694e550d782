"""Plans, decoded: the worker's half of the codec."""

import hashlib
from bisect import insort
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from heapq import merge
from itertools import chain
from operator import attrgetter
from typing import Any

from pollwatch.plan.blocks import pieces, unpack
from pollwatch.plan.check_codec import read_check, read_key, read_text
from pollwatch.plan.checks import CheckPlan, Plan
from pollwatch.plan.errors import PlanError
from pollwatch.plan.header import BlockEntry, Header, read_header
from pollwatch.plan.records import UnreadableError, read_json
from pollwatch.plan.reports import PlanFault

Breathe = Callable[[], Awaitable[None]]
"""Lets others run."""
_KEY = attrgetter("key")
_FEW = 8
"""Up to one in so many is put in its place; for more, merging them all is cheaper."""
_MERGED = 100
"""Checks that are put in order between two breaths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedPlan:
    """What a worker understands of a plan."""

    plan: Plan
    header: Header
    unsupported: tuple[str, ...] = ()
    """Keys (`namespace/name`) of the Checks that need a newer worker, sorted; they are not in the plan."""


@dataclass(slots=True)
class _Decoded:
    """What a block says."""

    checks: list[CheckPlan] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


class PlanDecoder:
    """Decodes the plans of one worker, one after the other.

    What a plan shares with the last good one is not decoded again: it has the very same objects.
    """

    def __init__(self) -> None:
        self._blocks: Mapping[str, _Decoded] = {}
        """Of the last good plan, by SHA-256."""
        self._checks: tuple[CheckPlan, ...] = ()

    async def decode(self, header: bytes, payload: bytes, *, breathe: Breathe) -> DecodedPlan:
        """Decode a plan.

        Args:
            header: As `EncodedPlan.header` gives it.
            payload: All parts, one after the other.
            breathe: Awaited between pieces of work that take well below a millisecond, unless a Check is
                very large.

        Raises:
            PlanError: The plan cannot be taken up; nothing of it is kept.
        """
        head = read_header(header)
        expected = sum(entry.packed for entry in head.blocks)
        if expected != len(payload):
            raise PlanError(
                PlanFault.TORN,
                f"the parts of the plan have {len(payload)} bytes and plan.json speaks of {expected}:"
                " they are of different plans, or not whole",
            )
        blocks: dict[str, _Decoded] = {}
        texts: dict[str, str] = {}
        start = 0
        for number, entry in enumerate(head.blocks):
            packed = memoryview(payload)[start : start + entry.packed]
            start += entry.packed
            await _compare(packed, entry, number, breathe)
            block = self._blocks.get(entry.sha256) or await _read(packed, entry, texts, breathe)
            blocks[entry.sha256] = block
            texts.update(block.texts)
        checks = await self._merge(blocks, breathe)
        self._blocks, self._checks = blocks, checks
        return DecodedPlan(
            plan=Plan(checks=checks, egress=head.egress, host_rate=head.hints.host_rate),
            header=head,
            unsupported=tuple(sorted(key for block in blocks.values() for key in block.unsupported)),
        )

    async def _merge(self, blocks: Mapping[str, _Decoded], breathe: Breathe) -> tuple[CheckPlan, ...]:
        """Put the Checks of all blocks in order, from the order of those before."""
        left = [block for digest, block in self._blocks.items() if digest not in blocks]
        gone = {id(check) for block in left for check in block.checks}
        checks = [check for check in self._checks if id(check) not in gone]
        came = [block.checks for digest, block in blocks.items() if digest not in self._blocks]
        if sum(map(len, came)) * _FEW < len(checks):
            for check in chain.from_iterable(came):
                insort(checks, check, key=_KEY)
                await breathe()
            return tuple(checks)
        merged: list[CheckPlan] = []
        for check in merge(checks, *came, key=_KEY):
            merged.append(check)
            if len(merged) % _MERGED == 0:
                await breathe()
        return tuple(merged)


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


async def _read(
    packed: memoryview, entry: BlockEntry, texts: Mapping[str, str], breathe: Breathe
) -> _Decoded:
    block = _Decoded()
    lines = 0
    for line in unpack(packed, entry.unpacked):
        try:
            document = read_json(line)
            if entry.texts:
                block.texts.update([read_text(document)])
            else:
                _read_check(document, texts, block)
        except UnreadableError as error:
            raise PlanError(PlanFault.CORRUPT, f"a line of the plan cannot be read: {error}") from None
        lines += 1
        await breathe()
    if lines != entry.checks + entry.texts:
        raise PlanError(PlanFault.CORRUPT, "a block of the plan has not as many lines as plan.json says")
    block.checks.sort(key=_KEY)
    return block


def _read_check(document: Any, texts: Mapping[str, str], block: _Decoded) -> None:
    key = read_key(document)
    try:
        block.checks.append(read_check(document, texts))
    except UnreadableError:
        block.unsupported.append(str(key))
