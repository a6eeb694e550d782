"""A selector over labels, as Kubernetes has it in Services and NetworkPolicies."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from pollwatch.api.base import Model
from pollwatch.api.labels import without_nulls
from pollwatch.api.lists import atomic
from pollwatch.api.rules import Pattern, Rule, matcher

LABEL_KEY = (
    r"^(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$"
)
_LABEL_VALUE = r"^(?:[A-Za-z0-9](?:[-_.A-Za-z0-9]*[A-Za-z0-9])?)?$"
is_label_key = matcher(LABEL_KEY)

LabelKey = Annotated[
    str,
    Field(min_length=1, max_length=317),
    Pattern(LABEL_KEY, "must be the key of a label, such as 'team' or 'example.org/team'"),
]

LabelValue = Annotated[
    str,
    Field(max_length=63),
    Pattern(
        _LABEL_VALUE,
        "must be the value of a label: letters, digits, '-', '_' and '.', a letter or digit at both ends",
    ),
]

Labels = Annotated[
    dict[str, LabelValue],
    Field(max_length=32),
    BeforeValidator(without_nulls),
    Rule(
        cel=f"self.all(key, key.matches(r'{LABEL_KEY}'))",
        holds=lambda labels: all(map(is_label_key, labels)),
        message="must have keys of labels, such as 'team' or 'example.org/team'",
    ),
]
"""Labels of a Kubernetes object."""

_WITH_VALUES = ("In", "NotIn")
_WITHOUT_VALUES = ("Exists", "DoesNotExist")


class LabelExpression(Model):
    """What one label must, or must not, be."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"!(self.operator in {list(_WITH_VALUES)}) || (has(self.values) && self.values.size() > 0)",
            holds=lambda expression: (
                expression["operator"] not in _WITH_VALUES or bool(expression.get("values"))
            ),
            message="values must be given with the operators In and NotIn; add them, or use Exists",
            field="values",
        ),
        Rule(
            cel=f"!(self.operator in {list(_WITHOUT_VALUES)}) ||"
            " !has(self.values) || self.values.size() == 0",
            holds=lambda expression: (
                expression["operator"] not in _WITHOUT_VALUES or not expression.get("values")
            ),
            message="values have no meaning with the operators Exists and DoesNotExist; remove them",
            field="values",
            reason="FieldValueForbidden",
        ),
    )

    key: LabelKey
    """Key of the label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """`In`: the label is there and has one of `values`. `NotIn`: it is not there, or has none of them.
    `Exists`, `DoesNotExist`: it is there, or is not, whatever its value."""
    values: Annotated[tuple[LabelValue, ...], atomic(most=64)] = ()
    """Values for `In` and `NotIn`."""

    def holds_for(self, labels: Mapping[str, str]) -> bool:
        """Tell whether it is true of an object with these labels."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class LabelSelector(Model):
    """Selects objects by their labels. All that is said must hold; an empty one selects everything."""

    match_labels: Labels = Field(default_factory=dict)
    """Labels that must be there with these values."""
    match_expressions: Annotated[tuple[LabelExpression, ...], atomic(most=16)] = ()
    """Statements about labels, all of which must hold."""

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Tell whether an object with these labels is selected."""
        return labels.items() >= self.match_labels.items() and all(
            expression.holds_for(labels) for expression in self.match_expressions
        )
