"""Frozen records as JSON documents, by rules made from their types once.

A record is an object whose members are its fields in camelCase, without those that have their
default value. Named tuples and tuples are arrays, bytes are base64 (RFC 4648, section 4), networks and
enumerations are strings. Where one of several records may stand, an object of one member names it.

Reading is strict: what another version of Pollwatch wrote is understood wholly or not at all.
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import NoneType, UnionType
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar, get_args, get_origin, get_type_hints

Value = TypeVar("Value")


class UnreadableError(ValueError):
    """A document does not say what this version of Pollwatch understands."""


class Codec(NamedTuple, Generic[Value]):
    """How values of one type are written as what `json` takes, and read again."""

    write: Callable[[Value], Any]
    read: Callable[[Any], Value]
    """Raises `UnreadableError`."""


def record_codec(record: type[Value], tags: Mapping[type, str] | None = None) -> Codec[Value]:
    """Make the codec of a frozen dataclass.

    Args:
        record: The dataclass; its fields are of the types that this module's docstring names.
        tags: The members' names for records that stand for each other.

    Raises:
        TypeError: A field is of another type: a defect.
    """
    return _codec(record, tags or {})


def _codec(kind: Any, tags: Mapping[type, str]) -> Codec[Any]:
    if kind in _PLAIN:
        return _PLAIN[kind]
    if isinstance(kind, UnionType):
        return _union(get_args(kind), tags)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), tags)
    if isinstance(kind, type):
        if is_dataclass(kind):
            return _record(kind, tags)
        if issubclass(kind, StrEnum):
            return _enumeration(kind)
        if issubclass(kind, tuple):
            return _named_tuple(kind, tags)
    raise TypeError(f"no rule for {kind}")


def _plain(kind: type[Value], says: str) -> Codec[Value]:
    def read(document: Any) -> Value:
        # Exactly: a bool is an int to Python, and is none to anybody else.
        if type(document) is not kind:
            raise UnreadableError(f"{says} was expected")
        return document

    return Codec(_as_it_is, read)


def _as_it_is(value: Any) -> Any:
    return value


def _read_number(document: Any) -> float:
    if type(document) not in (int, float):
        raise UnreadableError("a number was expected")
    try:
        number = float(document)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise UnreadableError("a finite number was expected")
    return number


def _write_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _read_bytes(document: Any) -> bytes:
    try:
        return base64.b64decode(document, validate=True)
    except (TypeError, ValueError):
        raise UnreadableError("base64 was expected") from None


def _read_network(document: Any) -> IPv4Network | IPv6Network:
    if type(document) is str:
        try:
            return ip_network(document)
        except ValueError:
            pass
    raise UnreadableError("a network in CIDR notation was expected")


_PLAIN: Mapping[Any, Codec[Any]] = {
    str: _plain(str, "a string"),
    int: _plain(int, "an integer"),
    bool: _plain(bool, "true or false"),
    float: Codec(_as_it_is, _read_number),
    bytes: Codec(_write_bytes, _read_bytes),
    # Most plans have the same networks, and writing one of IPv6 takes 20 us.
    IPv4Network | IPv6Network: Codec(lru_cache(maxsize=1_000)(str), _read_network),
}


def _enumeration(kind: type[StrEnum]) -> Codec[Any]:
    members = {str(member): member for member in kind}

    def read(document: Any) -> StrEnum:
        if type(document) is not str or document not in members:
            raise UnreadableError(f"unknown {kind.__name__}")
        return members[document]

    return Codec(str, read)


def _tuple(kinds: tuple[Any, ...], tags: Mapping[type, str]) -> Codec[Any]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:  # noqa: PLR2004 - tuple[X, ...]
        write_one, read_one = _codec(kinds[0], tags)
        return Codec(
            lambda values: [write_one(value) for value in values],
            lambda document: tuple([read_one(one) for one in _array(document)]),
        )
    codecs = [_codec(kind, tags) for kind in kinds]

    def read(document: Any) -> tuple[Any, ...]:
        if len(_array(document)) != len(codecs):
            raise UnreadableError(f"an array of {len(codecs)} was expected")
        return tuple([codec.read(one) for codec, one in zip(codecs, document, strict=True)])

    return Codec(
        lambda values: [codec.write(value) for codec, value in zip(codecs, values, strict=True)],
        read,
    )


def _named_tuple(kind: type[Any], tags: Mapping[type, str]) -> Codec[Any]:
    write, read = _tuple(tuple(get_type_hints(kind).values()), tags)
    return Codec(write, lambda document: kind(*read(document)))


def _array(document: Any) -> list[Any]:
    if type(document) is not list:
        raise UnreadableError("an array was expected")
    return document


def _union(kinds: tuple[Any, ...], tags: Mapping[type, str]) -> Codec[Any]:
    others = tuple(kind for kind in kinds if kind is not NoneType)
    codec = _codec(others[0], tags) if len(others) == 1 else _alternatives(others, tags)
    if len(others) == len(kinds):
        return codec
    write, read = codec
    return Codec(
        lambda value: None if value is None else write(value),
        lambda document: None if document is None else read(document),
    )


def _alternatives(kinds: tuple[Any, ...], tags: Mapping[type, str]) -> Codec[Any]:
    writers = {kind: (tags[kind], _codec(kind, tags).write) for kind in kinds}
    readers = {tags[kind]: _codec(kind, tags).read for kind in kinds}

    def write(value: Any) -> dict[str, Any]:
        tag, write_one = writers[type(value)]
        return {tag: write_one(value)}

    def read(document: Any) -> Any:
        if type(document) is not dict or len(document) != 1:
            raise UnreadableError("an object of one member was expected")
        ((tag, inner),) = document.items()
        if tag not in readers:
            raise UnreadableError(f"unknown kind '{tag}'")
        return readers[tag](inner)

    return Codec(write, read)


def _record(kind: type[Any], tags: Mapping[type, str]) -> Codec[Any]:
    hints = get_type_hints(kind)
    codecs = {one.name: _codec(hints[one.name], tags) for one in fields(kind)}
    writers = [(one.name, _camel(one.name), _default(one), codecs[one.name].write) for one in fields(kind)]
    readers = {_camel(one.name): (one.name, codecs[one.name].read) for one in fields(kind)}
    required = frozenset(one.name for one in fields(kind) if _default(one) is MISSING)

    def write(value: Any) -> dict[str, Any]:
        document = {}
        for name, member, default, write_one in writers:
            one = getattr(value, name)
            if one is not default and one != default:
                document[member] = write_one(one)
        return document

    def read(document: Any) -> Any:
        if type(document) is not dict:
            raise UnreadableError("an object was expected")
        values = {}
        for member, inner in document.items():
            if member not in readers:
                raise UnreadableError(f"unknown field '{member}'")
            name, read_one = readers[member]
            values[name] = read_one(inner)
        if not required <= values.keys():
            missing = sorted(_camel(name) for name in required - values.keys())
            raise UnreadableError(f"there is no field '{missing[0]}'")
        return kind(**values)

    return Codec(write, read)


def _default(one: Field[Any]) -> Any:
    if one.default_factory is not MISSING:
        raise TypeError(f"field '{one.name}' has a default that is made anew each time")
    return one.default


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def write_json(document: Any, *, canonical: bool = False) -> bytes:
    """Write a document on one line, in ASCII.

    Args:
        document: What `Codec.write` gave.
        canonical: Sort the members, so that equal documents are equal bytes.
    """
    encoder = _CANONICAL_ENCODER if canonical else _ENCODER
    return encoder.encode(document).encode("ascii")


def read_json(text: bytes) -> Any:
    """Read a document; no space may stand around it.

    Raises:
        UnreadableError: It is not JSON (RFC 8259).
    """
    try:
        characters = text.decode()
        document, end = _DECODER.raw_decode(characters)
    except UnreadableError:
        raise
    except (ValueError, RecursionError):
        raise UnreadableError("it is not JSON") from None
    if end != len(characters):
        raise UnreadableError("it is more than a JSON document")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableError(f"it is not JSON: {name}")


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_CANONICAL_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, sort_keys=True)
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
