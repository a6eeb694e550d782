"""Validation rules that the API server and Pollwatch judge alike, with the same message.

A rule holds the same statement twice: as the CEL expression that goes into the custom
resource definition, and as the predicate that is asked offline. Where the statement is a
regular expression there is only one, since CEL's `matches` and google-re2 are the same
engine with the same meaning (unanchored search).

A rule stands in one of two places: in the `Annotated` type of a field, where it judges the
field's value; or in the `rules` of a `Model`, where it judges fields against each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import re2
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

CelReason = Literal["FieldValueInvalid", "FieldValueForbidden"]
"""Of the reasons that `x-kubernetes-validations` knows, those with which the API server shows the message."""

_DEFAULT_REASON = "FieldValueInvalid"

BROKEN_RULE = "broken_rule"
"""Type of the pydantic error for a rule that does not hold: its message is ready to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One statement about a value, in CEL and in Python."""

    cel: str
    """CEL expression over `self`, true when all is well."""
    holds: Callable[[Any], bool]
    """The same statement in Python. In a field's type it is given the validated value; in
    `Model.rules` the plain mapping, as in CEL, with defaults filled in."""
    message: str
    """What is wrong and how to mend it, as said by the API server and by `pollwatch validate`."""
    field: str | None = None
    """In `Model.rules`: the field that is to blame; `None`: the object itself."""
    reason: CelReason = "FieldValueInvalid"

    @property
    def place(self) -> tuple[str, ...]:
        """The way to the field that is to blame."""
        return () if self.field is None else tuple(self.field.split("."))

    def validation(self) -> dict[str, str]:
        """The entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": self.message}
        if self.reason != _DEFAULT_REASON:
            entry["reason"] = self.reason
        if self.field is not None:
            entry["fieldPath"] = f".{self.field}"
        return entry

    def error(self) -> PydanticCustomError:
        """What pydantic is told when the rule does not hold."""
        return PydanticCustomError(BROKEN_RULE, "{message}", {"message": self.message})

    def judge(self, value: Any) -> Any:
        """Return the value unchanged, or raise `error()`."""
        if not self.holds(value):
            raise self.error()
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.judge, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        document = handler(schema)
        document.setdefault("x-kubernetes-validations", []).append(self.validation())
        return document


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression (RE2) that a string must match: `pattern` in the schema.

    For the spelling of a name, which `kubectl explain` and editors understand. A statement
    that needs words of its own for those who break it is a `matching` rule.
    """

    regex: str
    message: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        rule = matching(self.regex, self.message)
        return core_schema.no_info_after_validator_function(rule.judge, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"pattern": self.regex}


@dataclass(frozen=True, slots=True)
class Unique:
    """No two items of a list are the same. The API server knows by the type of the list (`api.lists`)."""

    what: str
    """What an item is to its author: `port`."""
    field: str | None = None
    """The field by which items are told apart, as documents spell it; `None`: the items themselves."""

    @classmethod
    def by(cls, field: str) -> Self:
        """Tell items apart by a field that its author knows by its name."""
        return cls(field, field)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._judge, handler(source))

    def _judge(self, items: Sequence[Any]) -> Sequence[Any]:
        keys = items if self.field is None else [getattr(item, to_snake(self.field)) for item in items]
        if len(set(keys)) != len(keys):
            message = f"must not hold the same {self.what} twice; remove one"
            raise PydanticCustomError(BROKEN_RULE, "{message}", {"message": message})
        return items


def matcher(regex: str) -> Callable[[str], bool]:
    """Return what CEL's `matches` is, for one regular expression.

    Groups in it should not capture: RE2 is then several times as fast.
    """
    search = re2.compile(regex).search
    # Bytes spare RE2's wrapper the work of counting in characters.
    return lambda text: search(text.encode()) is not None


def matching(regex: str, message: str) -> Rule:
    """Make the rule that a string has a match of `regex`."""
    return Rule(
        cel=f"self.matches({cel_literal(regex)})",
        holds=matcher(regex),
        message=message,
    )


def not_matching(regex: str, message: str) -> Rule:
    """Make the rule that a string has no match of `regex`."""
    matches = matcher(regex)
    return Rule(
        cel=f"!self.matches({cel_literal(regex)})",
        holds=lambda value: not matches(value),
        message=message,
    )


def implied(condition: str, regex: str, message: str) -> Rule:
    """Make the rule that a string has a match of `regex`, if it has one of `condition`.

    With the spelling that earlier rules ask for as the condition, the API server too says
    only the first thing that is wrong.
    """
    is_met, matches = matcher(condition), matcher(regex)
    return Rule(
        cel=f"!self.matches({cel_literal(condition)}) || self.matches({cel_literal(regex)})",
        holds=lambda value: not is_met(value) or matches(value),
        message=message,
    )


def exactly_one(fields: tuple[str, ...], *, remedy: str) -> Rule:
    """Make the rule that exactly one of an object's optional fields is set."""
    names = " or ".join((", ".join(fields[:-1]), fields[-1]))
    return Rule(
        cel=f"[{', '.join(f'has(self.{field})' for field in fields)}].exists_one(set, set)",
        holds=lambda document: sum(field in document for field in fields) == 1,
        message=f"exactly one of {names} must be set; {remedy}",
    )


def at_most_one(fields: tuple[str, str], *, remedy: str) -> Rule:
    """Make the rule that not both of an object's optional fields are set."""
    first, second = fields
    return Rule(
        cel=f"!has(self.{first}) || !has(self.{second})",
        holds=lambda document: first not in document or second not in document,
        message=f"{first} and {second} must not both be set; {remedy}",
    )


def cel_literal(text: str) -> str:
    """Write a text as a raw string of CEL, in which a regular expression stands as it is."""
    if '"' not in text:
        return f'r"{text}"'
    if "'" not in text:
        return f"r'{text}'"
    raise ValueError(f"has both kinds of quotes: {text}")
