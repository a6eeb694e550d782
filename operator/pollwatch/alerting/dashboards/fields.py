"""How values are shown: units, thresholds, words for numbers, and exceptions for single fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pollwatch.alerting.dashboards import colours

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What is shown in the place of a number."""

    text: str
    """Empty: the number itself."""
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A word for all numbers from one to another, both included."""

    first: float
    last: float
    word: Word


Steps = Sequence[tuple[float, str]]
"""From which number on which colour holds; below the first of them it is `Fields.base`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that a value carries."""

    title: str
    url: str

    def json(self) -> Json:
        """As Grafana has it."""
        return {"title": self.title, "url": self.url, "targetBlank": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """`fieldConfig` of a panel, or of single fields of it."""

    unit: str = ""
    """An id of Grafana's, such as `s` or `percentunit`."""
    name: str = ""
    """Shown in the place of the field's own name."""
    decimals: int | None = None
    lowest: float | None = None
    highest: float | None = None
    base: str = colours.GOOD
    """The colour below all `steps`."""
    steps: Steps = ()
    words: Mapping[int, Word] = field(default_factory=dict)
    spans: Sequence[Span] = ()
    colour: str = ""
    """One colour, whatever the value; without it the thresholds say."""
    shades: str = ""
    """A colour that each series gets a shade of."""
    no_value: str = ""
    """What is shown where there is no data: what that means, and what to do."""
    links: Sequence[Link] = ()
    custom: Mapping[str, Any] = field(default_factory=dict)
    """What only this kind of panel knows."""

    def json(self) -> Json:
        """Print what is set, as `fieldConfig.defaults` has it."""
        made: Json = {
            "unit": self.unit,
            "displayName": self.name,
            "noValue": self.no_value,
            "links": [link.json() for link in self.links],
            "mappings": self._mappings(),
            "custom": dict(self.custom),
        }
        made = {name: value for name, value in made.items() if value}
        numbers = {"decimals": self.decimals, "min": self.lowest, "max": self.highest}
        made |= {name: value for name, value in numbers.items() if value is not None}
        if self.colour:
            made["color"] = {"mode": "fixed", "fixedColor": self.colour}
        elif self.shades:
            made["color"] = {"mode": "shades", "fixedColor": self.shades}
        elif self.steps:
            made["color"] = {"mode": "thresholds"}
        elif self.words or self.spans:
            # Each brings its own. With thresholds a timeline would show ranges in the place of words.
            made["color"] = {"mode": "fixed", "fixedColor": self.base}
        if self.steps:
            made["thresholds"] = self._thresholds()
        return made

    def with_(self, **changes: Any) -> Self:
        """Return the same with changes."""
        return replace(self, **changes)

    def _thresholds(self) -> Json:
        first: Json = {"color": self.base, "value": None}
        return {
            "mode": "absolute",
            "steps": [first, *({"color": colour, "value": value} for value, colour in self.steps)],
        }

    def _mappings(self) -> list[Json]:
        made: list[Json] = []
        if self.words:
            options = {
                str(number): _word(word, index) for index, (number, word) in enumerate(self.words.items())
            }
            made.append({"type": "value", "options": options})
        for index, span in enumerate(self.spans, start=len(self.words)):
            result = _word(span.word, index)
            made.append({"type": "range", "options": {"from": span.first, "to": span.last, "result": result}})
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What holds for single fields of a panel: exactly one of `query`, `name` and `pattern` says which."""

    fields: Fields
    query: str = ""
    """The query's letter."""
    name: str = ""
    """The field's name: a label, `Value #A`, or what a legend says."""
    pattern: str = ""
    """A regular expression (of JavaScript) for the name."""

    def json(self) -> Json:
        """As Grafana has it: a matcher, and properties named by their path."""
        matchers = {
            "byFrameRefID": self.query,
            "byName": self.name,
            "byRegexp": f"/{self.pattern}/" if self.pattern else "",
        }
        ((kind, wanted),) = ((kind, wanted) for kind, wanted in matchers.items() if wanted)
        properties: list[Json] = []
        for name, value in self.fields.json().items():
            if name == "custom":
                properties += [{"id": f"custom.{key}", "value": part} for key, part in value.items()]
            else:
                properties.append({"id": name, "value": value})
        return {"matcher": {"id": kind, "options": wanted}, "properties": properties}


def _word(word: Word, index: int) -> Json:
    made: Json = {"color": word.colour, "index": index}
    if word.text:
        made["text"] = word.text
    return made
