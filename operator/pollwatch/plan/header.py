"""The header of an encoded Plan: whose it is, and what the payload must be."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pollwatch.plan.egress import UNRESTRICTED, EgressPolicy
from pollwatch.plan.errors import PlanError
from pollwatch.plan.records import UnreadableError, read_json, record_codec, write_json
from pollwatch.plan.reports import PlanFault

FORMAT = 1
"""Of plans. Another one is for what a worker would misread; a new field needs none: a worker that does
not know it says so itself."""
MAX_UNPACKED = 64 << 20
"""Bytes that all blocks may have when they are unpacked."""
MAX_PARTS = 8
"""Pieces of a payload: as many Secrets are mounted by each worker, whether or not they are there."""
MAX_REVISION = 2**53
"""Up to here every JSON implementation reads integers exactly (RFC 8259, section 6)."""
_LONGEST = 1 << 20
"""Bytes; what is longer is no header."""
_HINTS = "hints"
"""The one field that may hold what a worker does not know: it is ignored."""
_HOST_RATE = "hostRate"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockEntry:
    """One block of the payload, as the header has it."""

    sha256: str
    """Of the packed bytes, in hexadecimal."""
    packed: int
    """Length, bytes."""
    unpacked: int
    """Length of the lines in it, bytes."""
    checks: int = 0
    """Lines that are Checks."""
    texts: int = 0
    """Lines that are texts; a block has lines of one kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a worker goes by that knows it; probing without is not wrong."""

    host_rate: float | None = None
    """See `Plan.host_rate`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is known of a plan without its payload."""

    format: int = FORMAT
    pool: str
    worker: str
    """Whom it is for."""
    revision: int
    """Of this shard; goes up with each change."""
    digest: str
    """SHA-256 of all of the header but this and the revision: two plans with the same one are the same."""
    parts: int
    """Pieces that the payload was cut into."""
    blocks: tuple[BlockEntry, ...] = ()
    """In the order of the payload."""
    egress: EgressPolicy = UNRESTRICTED
    hints: Hints = Hints()

    @property
    def checks(self) -> int:
        """How many Checks there are."""
        return sum(block.checks for block in self.blocks)


_CODEC = record_codec(Header)


class HeaderWriter:
    """Writes a header again and again, of one revision after the other."""

    def __init__(self, header: Header) -> None:
        """Take one; its digest and its revision do not count."""
        # The format is told though it is the default: it is what says how to read the rest.
        document = {"format": header.format, **_CODEC.write(header)}
        self.digest = _digest(document)
        self._document = {**document, "digest": self.digest}

    def line(self, revision: int) -> bytes:
        """Write it, without line end."""
        return write_json({**self._document, "revision": revision})


def read_header(line: bytes) -> Header:
    """Read a header.

    Raises:
        PlanError: It is none (`Corrupt`), or it is for another version (`UnsupportedFormat`).
    """
    document = _read_object(line)
    found = document.get("format")
    if type(found) is not int:
        raise PlanError(PlanFault.CORRUPT, "plan.json does not say its format")
    if found != FORMAT:
        raise PlanError(
            PlanFault.UNSUPPORTED_FORMAT,
            f"the plan has format {found} and this worker reads format {FORMAT}:"
            " run the operator and the worker in the same version",
        )
    if document.get("digest") != _digest(document):
        raise PlanError(
            PlanFault.CORRUPT, "plan.json was changed after it was written: its digest is another"
        )
    if _HINTS in document:
        document[_HINTS] = _known(document[_HINTS])
    try:
        header = _CODEC.read(document)
    except UnreadableError as error:
        # The digest is right: this is what an operator wrote.
        raise PlanError(
            PlanFault.UNSUPPORTED_FORMAT,
            f"plan.json holds what this worker does not know ({error}): it needs a newer worker",
        ) from None
    _judge(header)
    return header


def _known(hints: Any) -> dict[str, Any]:
    """Leave what is understood of the hints: what another version means by them refuses no plan."""
    rate: Any = hints.get(_HOST_RATE) if type(hints) is dict else None
    return {_HOST_RATE: rate} if type(rate) in (int, float) and 0 < rate < math.inf else {}


def _read_object(line: bytes) -> dict[str, Any]:
    if len(line) > _LONGEST:
        raise PlanError(PlanFault.CORRUPT, f"plan.json is longer than {_LONGEST} bytes")
    try:
        document = read_json(line.strip())
    except UnreadableError:
        document = None
    if type(document) is not dict:
        raise PlanError(PlanFault.CORRUPT, "plan.json is not a JSON object")
    return cast("dict[str, Any]", document)


def _judge(header: Header) -> None:
    if not 0 < header.revision <= MAX_REVISION:
        raise PlanError(PlanFault.CORRUPT, f"plan.json has revision {header.revision}, which is no revision")
    if header.parts > MAX_PARTS:
        raise PlanError(
            PlanFault.UNSUPPORTED_FORMAT,
            f"the plan has {header.parts} parts and this worker reads {MAX_PARTS}: it needs a newer worker",
        )
    lengths = [length for block in header.blocks for length in (block.packed, block.unpacked)]
    if header.parts < 0 or min(lengths, default=0) < 0:
        raise PlanError(PlanFault.CORRUPT, "plan.json has a length below zero")
    if sum(block.unpacked for block in header.blocks) > MAX_UNPACKED:
        raise PlanError(PlanFault.CORRUPT, f"the plan is longer than {MAX_UNPACKED} bytes when unpacked")


def _digest(document: Mapping[str, Any]) -> str:
    content = {name: value for name, value in document.items() if name not in ("digest", "revision")}
    return hashlib.sha256(write_json(content, canonical=True)).hexdigest()
