"""Lists of a resource: how long they may be, and how server-side apply merges them.

Each is the second part of an `Annotated[tuple[Item, ...], ...]`.
"""

from typing import Any

from pydantic import Field, JsonValue


def atomic(*, most: int, least: int = 0) -> Any:
    """Describe a list that is replaced as a whole."""
    return _list({"x-kubernetes-list-type": "atomic"}, most=most, least=least)


def distinct(*, most: int, least: int = 0) -> Any:
    """Describe a list of scalars, none of which is in it twice."""
    return _list({"x-kubernetes-list-type": "set"}, most=most, least=least)


def keyed(key: str, *, most: int) -> Any:
    """Describe a list of objects that are told apart by one field."""
    return _list({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}, most=most)


def _list(extra: dict[str, JsonValue], *, most: int, least: int = 0) -> Any:
    # JSON and YAML have lists where the frozen models have tuples.
    return Field(strict=False, min_length=least or None, max_length=most, json_schema_extra=extra)
