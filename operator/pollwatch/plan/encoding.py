"""Plans, encoded: the operator's half of the codec."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, count
from operator import attrgetter, is_not
from typing import NamedTuple

from pollwatch.plan.blocks import Block, pack, unpack
from pollwatch.plan.check_codec import write_check, write_texts
from pollwatch.plan.checks import CheckPlan, Plan
from pollwatch.plan.errors import PlanTooLargeError
from pollwatch.plan.header import MAX_PARTS, MAX_REVISION, MAX_UNPACKED, Header, HeaderWriter, Hints
from pollwatch.plan.slots import SLOTS, slot_of

BLOCKS = 64
"""Into how many a plan is cut, at most: what one change costs, and how well the rest packs."""
PART_BYTES = 900 << 10
"""The API server takes 1 MiB a Secret; the header stands next to the first part."""
MAX_HEADER = 120 << 10
"""Bytes: what is left of the first Secret."""
_SLOTS_A_BLOCK = SLOTS // BLOCKS


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPlan:
    """A plan, ready to be written; the encoder gives the same object while nothing changes."""

    pool: str
    worker: str
    digest: str
    """SHA-256 of all but the revision: the same one means the same plan."""
    checks: int
    parts: tuple[bytes, ...] = field(repr=False)
    """The payload, cut into what a Secret holds."""
    content: Header
    """The header, without a revision yet."""
    writer: HeaderWriter = field(repr=False, compare=False)

    @property
    def size(self) -> int:
        """Bytes of the payload."""
        return sum(map(len, self.parts))

    @property
    def payload(self) -> bytes:
        """All parts together, as they are pushed."""
        return b"".join(self.parts)

    def header(self, revision: int) -> bytes:
        """Write the header, without line end."""
        return self.writer.line(revision)


class _Encoded(NamedTuple):
    """A block, and what it was made of."""

    checks: list[CheckPlan]
    """Sorted by key."""
    texts: dict[str, str]
    """Texts that they refer to, and their SHA-256."""
    block: Block


class PlanEncoder:
    """Encodes the plans of one worker, one after the other."""

    def __init__(self, *, pool: str, worker: str, part_bytes: int = PART_BYTES) -> None:
        """Start without a plan.

        Args:
            pool: Of the worker.
            worker: Its name.
            part_bytes: Longest part.
        """
        self._pool = pool
        self._worker = worker
        self._part_bytes = part_bytes
        self._checks: tuple[CheckPlan, ...] = ()
        """What the blocks were made of."""
        self._blocks: Mapping[int, _Encoded] = {}
        self._texts: tuple[dict[str, str], Block] | None = None
        self._last: tuple[Plan, EncodedPlan] | None = None

    def encode(self, plan: Plan) -> EncodedPlan:
        """Encode a plan; what it shares with the one before is not encoded again.

        Raises:
            PlanTooLargeError: It does not fit into `MAX_PARTS` parts.
        """
        if self._last is not None and self._last[0] == plan:
            return self._last[1]
        self._update_blocks(plan.checks)
        blocks = [encoded.block for _, encoded in sorted(self._blocks.items())]
        texts = self._block_of_texts()
        payload = blocks if texts is None else [texts, *blocks]
        parts = _cut([block.packed for block in payload], self._part_bytes)
        header = Header(
            pool=self._pool,
            worker=self._worker,
            revision=0,
            digest="",
            parts=len(parts),
            blocks=tuple(block.entry for block in payload),
            egress=plan.egress,
            hints=Hints(host_rate=plan.host_rate),
        )
        writer = HeaderWriter(header)
        encoded = EncodedPlan(
            pool=self._pool,
            worker=self._worker,
            digest=writer.digest,
            checks=header.checks,
            parts=parts,
            content=replace(header, digest=writer.digest),
            writer=writer,
        )
        self._judge(encoded)
        self._last = plan, encoded
        return encoded

    def _update_blocks(self, checks: tuple[CheckPlan, ...]) -> None:
        """Make the blocks anew that have other Checks than before.

        Checks are told apart by what object they are: of ten thousand, that is ten times as fast as
        looking each of them up by its key.
        """
        gone, new = _difference(self._checks, checks)
        came: dict[int, list[CheckPlan]] = {}
        for check in new:
            came.setdefault(_block_number(check), []).append(check)
        left, missing = set(map(_block_number, gone)), set(map(id, gone))
        blocks = dict(self._blocks)
        for number in left | came.keys():
            known = blocks.pop(number, None)
            members = [] if known is None else [check for check in known.checks if id(check) not in missing]
            members += came.get(number, ())
            members.sort(key=attrgetter("key"))
            if members:
                blocks[number] = _encoded(members, known)
        self._checks, self._blocks = checks, blocks

    def _block_of_texts(self) -> Block | None:
        texts = {text: digest for one in self._blocks.values() for text, digest in one.texts.items()}
        if not texts:
            self._texts = None
            return None
        if self._texts is None or self._texts[0].keys() != texts.keys():
            self._texts = texts, pack(write_texts(texts), texts=len(texts))
        return self._texts[1]

    def _judge(self, encoded: EncodedPlan) -> None:
        """Refuse what a worker would refuse, or no Secret could hold."""
        if len(encoded.header(MAX_REVISION)) > MAX_HEADER:
            raise PlanTooLargeError(
                f"the egress policy of pool '{self._pool}' is longer than {MAX_HEADER >> 10} KiB:"
                " use wider networks, or fewer rules"
            )
        unpacked = sum(block.unpacked for block in encoded.content.blocks)
        if len(encoded.parts) > MAX_PARTS or unpacked > MAX_UNPACKED:
            raise PlanTooLargeError(
                f"the plan of worker '{self._worker}' has {encoded.checks} Checks in {_size(unpacked)},"
                f" {_size(encoded.size)} when packed; a worker takes {_size(MAX_UNPACKED)}, in"
                f" {MAX_PARTS} Secrets of {_size(self._part_bytes)}: give the pool more workers,"
                " or its Checks smaller request bodies"
            )


def _block_number(check: CheckPlan) -> int:
    return slot_of(check.key) // _SLOTS_A_BLOCK


def _difference(
    before: Sequence[CheckPlan], after: Sequence[CheckPlan]
) -> tuple[list[CheckPlan], list[CheckPlan]]:
    """Give the objects that are in one alone; both are sorted alike, so that most are at the same end."""
    shorter = min(len(before), len(after))
    start = _first(map(is_not, before, after), shorter)
    end = _first(map(is_not, reversed(before), reversed(after)), shorter - start)
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    olds, news = set(map(id, old)), set(map(id, new))
    return [one for one in old if id(one) not in news], [one for one in new if id(one) not in olds]


def _first(flags: Iterable[bool], most: int) -> int:
    """Give the number of the first flag that is set; `most`, if it comes to that."""
    return min(next(compress(count(), flags), most), most)


def _encoded(checks: list[CheckPlan], known: _Encoded | None) -> _Encoded:
    if known is not None and known.checks == checks:
        return _Encoded(checks, known.texts, known.block)
    written = _written(known)
    texts: dict[str, str] = {}
    lines = [written.get(id(check)) or write_check(check, texts) for check in checks]
    return _Encoded(checks, texts, pack(lines, checks=len(lines)))


def _written(known: _Encoded | None) -> Mapping[int, bytes]:
    """Give the lines of Checks that were written, by the object: unpacking is cheaper than writing.

    Not where they refer to texts: which of them does to which is not on record.
    """
    if known is None or known.texts:
        return {}
    lines = unpack(memoryview(known.block.packed), known.block.entry.unpacked)
    return dict(zip(map(id, known.checks), lines, strict=True))


def _cut(payload: Sequence[bytes], longest: int) -> tuple[bytes, ...]:
    """Cut blocks into parts: between them, so that one that changes leaves most parts as they are."""
    parts = [bytearray()]
    for block in payload:
        if len(parts[-1]) + len(block) > longest:
            parts.append(bytearray())
        parts[-1] += block
    if len(parts) <= MAX_PARTS and all(len(part) <= longest for part in parts):
        return tuple(bytes(part) for part in parts if part)
    # Anywhere: what room there is counts for more.
    whole = b"".join(payload)
    return tuple(whole[start : start + longest] for start in range(0, len(whole), longest))


def _size(length: int) -> str:
    return f"{length / (1 << 20):.1f} MiB" if length >= 1 << 20 else f"{length / (1 << 10):.1f} KiB"
