"""The base of all models of custom resources: how a document is read.

A document is judged as the API server judges it under `fieldValidation=Strict`: no value is
converted to another type, an unknown field is an error, and a field that is null is a field
that is not there (the API server prunes a null that the schema does not allow before it
fills in defaults).
"""

import difflib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema

from pollwatch.api.rules import Rule

UNKNOWN_FIELD = "unknown_field"
"""Type of the pydantic error for a field that the model does not have."""


class Model(BaseModel):
    """A frozen object of the API, camelCase outside and snake_case inside.

    The docstring of a field is its description in `kubectl explain` and in the reference.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="ignore",  # refused by `_judge`, which can say what was meant
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    """Statements about fields against each other."""

    ignored_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that may be there and are neither judged nor kept."""

    @classmethod
    @cache
    def field_names(cls) -> tuple[str, ...]:
        """Names of the fields as documents spell them, in order of declaration."""
        declared = (field.alias or name for name, field in cls.model_fields.items())
        return (*declared, *sorted(cls.ignored_fields))

    @classmethod
    @cache
    def _defaults(cls) -> dict[str, Any]:
        """Plain values that the API server would fill in."""
        return {
            field.alias or name: field.default
            for name, field in cls.model_fields.items()
            if isinstance(field.default, bool | int | str)
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        document = handler(schema)
        if cls.rules:
            validations = [rule.validation() for rule in cls.rules]
            handler.resolve_ref_schema(document)["x-kubernetes-validations"] = validations
        return document

    @model_validator(mode="wrap")
    @classmethod
    def _judge(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Read one object and report all that is wrong with it: fields, unknown fields and rules alike."""
        if not isinstance(data, dict):
            return handler(data)
        names = cls.field_names()
        errors = [_unknown_field(name, names) for name in data if name not in names]
        document = {name: value for name, value in data.items() if value is not None}
        try:
            model = handler(document)
        except ValidationError as error:
            errors += map(_again, error.errors(include_url=False))
            reported = {each["loc"] for each in errors}
            rules = tuple(rule for rule in cls.rules if rule.place not in reported)
            errors += _broken(rules, cls._defaults() | document, malformed=True)
        else:
            errors += _broken(cls.rules, cls._defaults() | document, malformed=False)
            if not errors:
                return model
        raise ValidationError.from_exception_data(cls.__name__, errors)


def _unknown_field(name: str, names: Sequence[str]) -> InitErrorDetails:
    similar = difflib.get_close_matches(name, names, n=1)
    remedy = f"did you mean {similar[0]}?" if similar else f"must be one of {', '.join(names)}"
    message = f"unknown field, {remedy}"
    error = PydanticCustomError(UNKNOWN_FIELD, "{message}", {"message": message})
    return InitErrorDetails(type=error, loc=(name,), input=None)


def _broken(
    rules: tuple[Rule, ...], document: Mapping[str, Any], *, malformed: bool
) -> list[InitErrorDetails]:
    """Report the rules that do not hold.

    In a malformed document a rule may meet a value of a wrong type, or none where one is
    required. That is reported already, so such a rule says nothing.
    """
    errors = []
    for rule in rules:
        try:
            holds = rule.holds(document)
        except (TypeError, AttributeError, KeyError):
            if not malformed:
                raise
            continue
        if not holds:
            errors.append(InitErrorDetails(type=rule.error(), loc=rule.place, input=None))
    return errors


_KNOWN_TYPES = frozenset(get_args(core_schema.ErrorType))
"""Types of pydantic's own errors."""


def _again(error: ErrorDetails) -> InitErrorDetails:
    """Turn a reported error back into one that can be raised with others."""
    context = error.get("ctx", {})
    kind: str | PydanticCustomError = error["type"]
    if kind not in _KNOWN_TYPES:
        kind = PydanticCustomError(error["type"], "{message}", {"message": error["msg"]})
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"], ctx=context)
