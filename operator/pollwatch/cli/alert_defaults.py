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
    """Give a command these options, and its function what they say: `defaults`.

    What is wrong with any of them is refused.
    """

    @functools.wraps(function)
    def without_fault(*arguments: Any, alert_faults: Sequence[Problem], **others: Any) -> None:
        if alert_faults:
            raise _refused(alert_faults)
        function(*arguments, **others)

    return lenient_alert_default_options(without_fault)


def lenient_alert_default_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options, and its function `defaults` and `alert_faults`.

    An annotation that is no template is left out of the one, and told in the other by the name of
    its option: an operator that does not start for it would probe nothing.
    """

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
        faults = tuple(
            replace(one, path=_spelt(one.path.removeprefix("spec.alert."))) for one in alert_problems(spec)
        )
        function(*arguments, **others, defaults=merge(links, spec), alert_faults=faults)

    command: Callable[..., None] = with_defaults
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _alert_spec(fields: Mapping[str, Any]) -> AlertSpec:
    """Read what is a field of `spec.alert`, too, as strictly."""
    try:
        return AlertSpec.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise _refused(replace(one, path=_spelt(one.path)) for one in explain(error)) from None


def _spelt(path: str) -> str:
    """Name a field of `spec.alert` as its option is."""
    field, _, rest = path.partition(".")
    return " ".join(filter(None, (_SPELT[field], rest)))


def _refused(problems: Iterable[Problem]) -> click.UsageError:
    """Say what is wrong by the names of the options."""
    return click.UsageError("\n".join(f"{one.path}: {one.message}" for one in problems))
