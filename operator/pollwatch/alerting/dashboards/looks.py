"""How kinds of values look, on every dashboard alike."""

from collections.abc import Mapping
from types import MappingProxyType

from pollwatch.alerting.dashboards import colours
from pollwatch.alerting.dashboards.fields import Fields, Override, Span, Word
from pollwatch.plan.samples import Phases

_DAY = 86400

SHARE = Fields(
    unit="percentunit",
    decimals=1,
    lowest=0,
    highest=1,
    steps=[(0.001, colours.WARNING), (0.5, colours.BAD)],
)
"""A share of failures: any at all is not well, half of them is bad."""

SECONDS = Fields(unit="s", lowest=0)

TIME_LEFT = Fields(
    unit="s",
    decimals=1,
    base=colours.BAD,
    steps=[(7 * _DAY, colours.WARNING), (30 * _DAY, colours.GOOD)],
    spans=[Span(first=-100 * 365 * _DAY, last=0, word=Word(text="expired", colour=colours.BAD))],
)
"""Of a certificate."""

_OF_PHASES = (colours.PURPLE, colours.SKY_BLUE, colours.BLUE, colours.ORANGE, colours.YELLOW)

PHASES: Mapping[str, str] = MappingProxyType(dict(zip(Phases._fields, _OF_PHASES, strict=True)))
"""The colour of each phase of a probe."""

_OF_REASONS = {
    "^DNS": colours.SKY_BLUE,
    "^Connect(Refused|Timeout|Failed)": colours.BLUE,
    "^(TLS|Certificate)": colours.PURPLE,
    "^(Connection|Response|Invalid|Headers|Body|TooMany)": colours.ORANGE,
    "^Unexpected": colours.VERMILION,
    "^(EgressDenied|ResourcesExhausted|Internal)$": colours.GREY,
}

REASONS = tuple(
    Override(pattern=pattern, fields=Fields(colour=colour)) for pattern, colour in _OF_REASONS.items()
)
"""The colours of reasons: how far the probe came."""
