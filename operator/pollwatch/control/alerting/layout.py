"""Which of a namespace's objects holds the rules of which Check.

An object can hold so much, and what is written when one Check changes is the whole object. So the
Checks of a big namespace are spread over objects by a digest of their name: the number of objects
is a power of two, and a Check moves only when that is doubled or halved.
"""

from zlib import crc32

OBJECT = "pollwatch-checks"
"""Name of the first object with rules of a namespace; others have a number behind it."""

CHECKS_AN_OBJECT = 16
"""Checks that an object is meant to hold, at most on average: the rules of one take about 10 KiB."""

SPARSE = 8
"""Objects are halved in number when they are so many times more than are needed."""

MOST_BYTES = 320 * 1024
"""Bytes of an object as JSON. Prometheus Operator refuses one whose rules are above 512 KiB as YAML
(its `MaxConfigMapDataSize`), which takes up to half as much again."""


def object_name(shard: int) -> str:
    """Name of the object of a shard."""
    return f"{OBJECT}-{shard}" if shard else OBJECT


def shard_of_object(name: str) -> int | None:
    """The shard that an object is of; `None`: it has not the name of any."""
    if name == OBJECT:
        return 0
    number = name.removeprefix(f"{OBJECT}-")
    return int(number) if number.isdecimal() and object_name(int(number)) == name else None


def shard_of_check(name: str, shards: int) -> int:
    """The shard that a Check is in."""
    return crc32(name.encode()) & (shards - 1)


def shards_needed(checks: int, *, now: int) -> int:
    """Return how many shards a namespace should have: a power of two.

    Args:
        checks: how many there are to spread.
        now: how many shards there are; kept as long as they are enough and not far too many.
    """
    least = _power_of_two(-(-checks // CHECKS_AN_OBJECT))
    held = _power_of_two(now)
    if held < least:
        return least
    while held >= SPARSE * least:
        held //= 2
    return held


def _power_of_two(least: int) -> int:
    return 1 << max(0, least - 1).bit_length()
