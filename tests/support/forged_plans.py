"""Plans as no operator of this version writes them, with hashes and digest that are right."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any


def forged_payload(lines: Iterable[Any], **entry: Any) -> tuple[bytes, dict[str, Any]]:
    """Pack documents as a block; give it and what the header says of it, with `entry` laid over."""
    documents = list(lines)
    content = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    return forged_block(content, checks=len(documents), **entry)


def forged_block(content: bytes, **entry: Any) -> tuple[bytes, dict[str, Any]]:
    """Pack bytes as a block."""
    packed = gzip.compress(content, mtime=0)
    return packed, block_entry(packed, unpacked=len(content), **entry)


def block_entry(packed: bytes, **entry: Any) -> dict[str, Any]:
    """What the header says of packed bytes."""
    return {"sha256": hashlib.sha256(packed).hexdigest(), "packed": len(packed), **entry}


def forged_header(**fields: Any) -> bytes:
    """A header with the digest that it must have."""
    header = {"format": 1, "pool": "east", "worker": "east-0", "revision": 1, "parts": 1, "blocks": []}
    return sealed({**header, **fields})


def sealed(header: Mapping[str, Any]) -> bytes:
    """Write a header with the digest that it must have: of all but the revision and itself."""
    content = {name: value for name, value in header.items() if name not in ("digest", "revision")}
    canonical = json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
    return json.dumps({**header, "digest": hashlib.sha256(canonical).hexdigest()}).encode()
