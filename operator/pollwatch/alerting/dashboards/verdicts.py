"""Verdicts on a dashboard: their words, colours and marks in time."""

from collections.abc import Mapping
from types import MappingProxyType

from pollwatch.alerting.dashboards import colours
from pollwatch.alerting.dashboards.dashboard import Annotation
from pollwatch.alerting.dashboards.expressions import SEVERITY, transitions
from pollwatch.alerting.dashboards.fields import Fields, Word
from pollwatch.plan.states import Verdict

COLOUR: Mapping[Verdict, str] = MappingProxyType(
    {
        Verdict.UP: colours.GOOD,
        Verdict.UNKNOWN: colours.NEUTRAL,
        Verdict.DEGRADED: colours.YELLOW,
        Verdict.DOWN: colours.BAD,
    }
)

FIELDS = Fields(
    words={number: Word(text=verdict, colour=COLOUR[verdict]) for verdict, number in SEVERITY.items()},
    base=COLOUR[Verdict.UP],
)
"""Shows the numbers of `SEVERITY` as words."""


def annotations(selector: str) -> tuple[Annotation, ...]:
    """Mark when Checks stopped being Up, and when they were again."""
    title = "{{namespace}}/{{check}}"
    return (
        Annotation(
            name="No longer Up",
            expr=transitions(selector, "Degraded|Down|Unknown"),
            title=title,
            text="is {{verdict}}",
            colour=colours.BAD,
        ),
        Annotation(
            name="Up again",
            expr=transitions(selector, "Up"),
            title=title,
            text="is {{verdict}}",
            colour=colours.GOOD,
        ),
    )
