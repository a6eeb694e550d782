"""From pydantic's errors to problems in the words of the API."""

import reprlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pollwatch.api.problems import Problem

_KINDS: Mapping[type, str] = MappingProxyType(
    {
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "a mapping",
        type(None): "null",
    }
)

_quoted = reprlib.Repr()
_quoted.maxstring = 60


def explain(error: ValidationError) -> tuple[Problem, ...]:
    """Say what is wrong, one problem for each field, in the order they were found."""
    return tuple(
        Problem(path=field_path(detail["loc"]), message=_message(detail))
        for detail in _without_echoes(error.errors(include_url=False))
    )


def _without_echoes(details: Sequence[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Leave out that a list is too short where that is so only because its items are wrong."""
    for detail in details:
        depth = len(detail["loc"])
        within = (other["loc"] for other in details if len(other["loc"]) > depth)
        if detail["type"] != "too_short" or all(place[:depth] != detail["loc"] for place in within):
            yield detail


def field_path(location: Iterable[str | int]) -> str:
    """Write a place in a document as Kubernetes does: `spec.http.headers[1].name`."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step != "[key]":  # pydantic's mark for the key of a mapping rather than its value
            path += f".{step}" if path else step
    return path


def _message(error: ErrorDetails) -> str:
    words = _WORDS.get(error["type"])
    return words(error["input"], error.get("ctx", {})) if words else error["msg"]


def _must_be(kind: str) -> Callable[[Any, Mapping[str, Any]], str]:
    def words(value: Any, context: Mapping[str, Any]) -> str:
        del context
        return f"must be {kind}, not {_described(value)}"

    return words


def _must_be_a_string(value: Any, context: Mapping[str, Any]) -> str:
    del context
    remedy = "; write it in quotes" if isinstance(value, bool | int | float) else ""
    return f"must be a string, not {_described(value)}{remedy}"


def _must_be_one_of(value: Any, context: Mapping[str, Any]) -> str:
    given = _quoted.repr(value) if isinstance(value, str) else _described(value)
    return f"must be {context['expected']}, not {given}"


def _items(count: int) -> str:
    return f"{count} item" if count == 1 else f"{count} items"


def _described(value: Any) -> str:
    """Name a value by its kind; show it when it is short enough to be recognised."""
    kind = _KINDS.get(type(value), "a value of another kind")
    if isinstance(value, (list, dict)) or value is None:
        return kind
    shown = str(value).lower() if isinstance(value, bool) else _quoted.repr(value)
    return f"{kind} ({shown})"


_WORDS: Mapping[str, Callable[[Any, Mapping[str, Any]], str]] = MappingProxyType(
    {
        "missing": lambda _value, _context: "required field is missing",
        "int_type": _must_be("an integer"),
        "int_from_float": _must_be("an integer"),
        "string_type": _must_be_a_string,
        "bool_type": _must_be("true or false"),
        "dict_type": _must_be("a mapping"),
        "model_type": _must_be("a mapping"),
        "tuple_type": _must_be("a list"),
        "literal_error": _must_be_one_of,
        "greater_than_equal": lambda value, context: f"must be at least {context['ge']}, not {value}",
        "less_than_equal": lambda value, context: f"must be at most {context['le']}, not {value}",
        "string_too_short": lambda _value, context: (
            "must not be empty"
            if context["min_length"] == 1
            else f"must have at least {context['min_length']} characters"
        ),
        "string_too_long": lambda value, context: (
            f"must have at most {context['max_length']} characters, not {len(value)}"
        ),
        "too_short": lambda _value, context: f"must have at least {_items(context['min_length'])}",
        "too_long": lambda _value, context: f"must have at most {_items(context['max_length'])}",
    }
)
