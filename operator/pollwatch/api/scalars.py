"""Plain YAML scalars as kubectl reads them.

kubectl reads YAML 1.1 with go-yaml v2 and sends it on as JSON. So `yes` is true, `1e3` is the
integer 1000 and, unlike with PyYAML, a date is a string and `1:30` is no number.
"""

from collections.abc import Mapping
from types import MappingProxyType

import re2

Scalar = str | int | float | bool | None

_WORDS: Mapping[str, Scalar] = MappingProxyType(
    {"": None, "~": None, "null": None, "Null": None, "NULL": None}
    | {spelling: True for word in ("true", "yes", "on") for spelling in (word, word.title(), word.upper())}
    | {spelling: False for word in ("false", "no", "off") for spelling in (word, word.title(), word.upper())}
    | {spelling: float("inf") for spelling in (".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF")}
    | {spelling: float("-inf") for spelling in ("-.inf", "-.Inf", "-.INF")}
    | {spelling: float("nan") for spelling in (".nan", ".NaN", ".NAN")}
)

_NUMBER_STARTS = frozenset("+-.0123456789")

_is_decimal = re2.compile(r"^[-+]?(0|[1-9][0-9]{0,18})$").search
_is_based = re2.compile(r"^[-+]?0(b[01]{1,63}|x[0-9a-fA-F]{1,16}|o?[0-7]{1,21})$").search
_is_float = re2.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$").search

_EXACT = 2.0**53
"""Up to here every integer is a float of its own."""


def plain_scalar(text: str) -> Scalar:
    """Read a scalar that stands without quotes and without a tag."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    digits = text.replace("_", "")
    if _is_decimal(digits):
        return int(digits)
    if _is_based(digits):
        return _based_integer(digits)
    if _is_float(digits):
        number = float(digits)
        # As JSON the number has no fraction to show, so that the API server takes it for an integer.
        return int(number) if number.is_integer() and abs(number) <= _EXACT else number
    return text


def _based_integer(digits: str) -> int:
    """Read `0x1f`, `0b101`, `0o17` and, as YAML 1.1 has it, `017`."""
    sign = -1 if digits[0] == "-" else 1
    unsigned = digits.lstrip("+-")
    base = {"x": 16, "b": 2}.get(unsigned[1], 8)
    return sign * int(unsigned.lstrip("0bxo") or "0", base)
