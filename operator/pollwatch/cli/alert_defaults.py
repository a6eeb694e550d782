"""The options that say how alerts are raised where neither a Check nor its pool does."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click
from pydantic import ValidationError

from pollwatch.alerting.defaults import RUNBOOK_BASE, AlertDefaults, alert_problems, merge
from pollwatch.api.alert import AlertSpec
from pollwatch.api.explain import explain
from pollwatch.api.problems import Problem

_URL = re.compile(r"https?://[!-z|~]+", re.ASCII)


class Pair(click.ParamType[tuple[str, str]]):
    """A name and a value."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Read it."""
        name, equals, text = value.partition("=")
        if not equals or not name:
            self.fail(f"{value!r}: write it as NAME=VALUE", param, ctx)
        return name, text


class _Url(click.ParamType[str]):
    """An absolute URL; what is appended to it is so after a `/`, or begins with one."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it."""
        if not _URL.fullmatch(value):
            self.fail(f"{value!r}: write it as https://HOST/PATH", param, ctx)
        return str(value).rstrip("/")


PAIR = Pair()
_URLS = _Url()

_OPTIONS = (
    click.option(
        "--alert-enabled",
        type=bool,
        default=True,
        show_default=True,
        help="Whether Checks have alerts that say nothing of it, like their pool.",
    ),
    click.option(
        "--alert-severity", metavar="WORD", help="Label `severity` of alerts that page. Default: critical."
    ),
    click.option(
        "--alert-for", metavar="DURATION", help="How long a Check must be Down to be an alert. Default: 1m."
    ),
    click.option(
        "--alert-label",
        "alert_labels",
        type=PAIR,
        multiple=True,
        metavar="NAME=VALUE",
        help="A label for all alerts; may be given several times.",
    ),
    click.option(
        "--alert-annotation",
        "alert_annotations",
        type=PAIR,
        multiple=True,
        metavar="NAME=TEMPLATE",
        help="An annotation for all alerts; may be given several times.",
    ),
    click.option(
        "--runbook-base",
        type=_URLS,
        default=RUNBOOK_BASE,
        show_default=True,
        metavar="URL",
        help="Where there is a page about each alert, under its name.",
    ),
    click.option(
        "--dashboard-url",
        type=_URLS,
        metavar="URL",
        help="Grafana's, with the dashboards of Pollwatch: alerts link to it. Default: they do not.",
    ),
)

_SPELT = {
    "enabled": "--alert-enabled",
    "severity": "--alert-severity",
    "for": "--alert-for",
    "labels": "--alert-label",
    "annotations": "--alert-annotation",
}
"""The options that are a field of `spec.alert`, too."""


def alert_default_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, and its function what they say: `defaults`."""

    @functools.wraps(function)
    def with_defaults(
        *arguments: Any,
        alert_enabled: bool,
        alert_severity: str | None,
        alert_for: str | None,
        alert_labels: Sequence[tuple[str, str]],
        alert_annotations: Sequence[tuple[str, str]],
        runbook_base: str,
        dashboard_url: str | None,
        **others: Any,
    ) -> None:
        spec = _alert_spec(
            {
                "enabled": alert_enabled,
                "severity": alert_severity,
                "for": alert_for,
                "labels": dict(alert_labels),
                "annotations": dict(alert_annotations),
            }
        )
        links = AlertDefaults(runbook_base=f"{runbook_base}/", dashboard_url=dashboard_url or "")
        function(*arguments, **others, defaults=merge(links, spec))

    command: Callable[..., None] = with_defaults
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _alert_spec(fields: Mapping[str, Any]) -> AlertSpec:
    """Read what is a field of `spec.alert`, too, as strictly."""
    try:
        spec = AlertSpec.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise _refused(explain(error)) from None
    problems = alert_problems(spec)
    if problems:
        raise _refused(replace(one, path=one.path.removeprefix("spec.alert.")) for one in problems)
    return spec


def _refused(problems: Iterable[Problem]) -> click.UsageError:
    """Say what is wrong by the names of the options."""
    lines = []
    for problem in problems:
        field, _, rest = problem.path.partition(".")
        lines.append(" ".join(filter(None, (_SPELT[field], rest))) + f": {problem.message}")
    return click.UsageError("\n".join(lines))
