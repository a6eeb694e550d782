"""Blocks: lines, packed as one gzip member (RFC 1952).

The payload of a plan is the blocks one after the other, which is a gzip file again: `cat part-* | gunzip`
shows it.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pollwatch.plan.errors import PlanError
from pollwatch.plan.header import BlockEntry
from pollwatch.plan.reports import PlanFault

LEVEL = 6
_GZIP = 16 + zlib.MAX_WBITS
_PIECE = 64 << 10
"""Bytes to unpack or to hash at a time."""
_FED = 16 << 10
"""Packed bytes given to zlib at a time: it copies those that it does not need yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Packed lines, and what the header says of them."""

    entry: BlockEntry
    packed: bytes = field(repr=False)


def pack(lines: Iterable[bytes], *, checks: int = 0, texts: int = 0) -> Block:
    """Pack lines; the same lines make the same bytes, as long as it is the same zlib."""
    content = b"".join(line + b"\n" for line in lines)
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
    packed = compressor.compress(content) + compressor.flush()
    entry = BlockEntry(
        sha256=hashlib.sha256(packed).hexdigest(),
        packed=len(packed),
        unpacked=len(content),
        checks=checks,
        texts=texts,
    )
    return Block(entry=entry, packed=packed)


def pieces(packed: memoryview) -> Iterator[memoryview]:
    """Cut packed bytes into pieces that are hashed well below a millisecond."""
    for start in range(0, len(packed), _PIECE):
        yield packed[start : start + _PIECE]


def unpack(packed: memoryview, unpacked: int) -> Iterator[bytes]:
    """Give the lines of a block, unpacked as they are asked for.

    Args:
        packed: The block; its hash was compared.
        unpacked: How many bytes it must have; no more are ever made.

    Raises:
        PlanError: It is not what `pack` makes.
    """
    unpacker = zlib.decompressobj(_GZIP)
    left, line = unpacked, bytearray()
    for piece in _unpacked(unpacker, packed):
        left -= len(piece)
        if left < 0:
            raise PlanError(PlanFault.CORRUPT, "a block of the plan is longer than plan.json says")
        *ends, begin = piece.split(b"\n")
        for end in ends:
            yield bytes(line + end)
            line.clear()
        line += begin
    if left or line or not unpacker.eof or unpacker.unused_data:
        raise PlanError(PlanFault.CORRUPT, "a block of the plan is not as long as plan.json says")


def _unpacked(unpacker: "zlib._Decompress", packed: memoryview) -> Iterator[bytes]:
    for start in range(0, len(packed), _FED):
        fed: bytes | memoryview = packed[start : start + _FED]
        while fed and not unpacker.eof:
            try:
                yield unpacker.decompress(fed, _PIECE)
            except zlib.error:
                raise PlanError(PlanFault.CORRUPT, "a block of the plan is not gzip") from None
            fed = unpacker.unconsumed_tail
        if fed:
            raise PlanError(PlanFault.CORRUPT, "a block of the plan is not one gzip member")
