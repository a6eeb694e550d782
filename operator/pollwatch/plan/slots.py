"""Slots: the grains in which Checks are shared out, and plans are cut into blocks."""

from hashlib import blake2b

from pollwatch.plan.checks import CheckKey

SLOTS = 16_384
"""A slot is 0 to 16,383: a power of two, so that every slot is as likely as any other."""


def slot_of(key: CheckKey) -> int:
    """Give the slot of a Check: the same for ever, on every machine (BLAKE2b, RFC 7693)."""
    return int.from_bytes(blake2b(f"{key.namespace}/{key.name}".encode(), digest_size=2).digest()) % SLOTS
