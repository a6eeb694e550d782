"""Durations, as Prometheus writes them."""

import re

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))

_SECONDS = dict(_UNITS)


def seconds_of(text: str) -> int:
    """Read `1h30m`; the caller has checked the spelling."""
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"([0-9]+)([dhms])", text))


def duration(seconds: int) -> str:
    """Write `1h30m`: the inverse of `seconds_of`, in the largest units."""
    parts = []
    for unit, size in _UNITS:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"
