"""`pollwatch rules`: the alert rules of Checks in files, for Prometheus or for Grafana."""

import sys
from dataclasses import replace
from typing import Any

import click
import yaml

from pollwatch.alerting.check_rules import rules_of_check
from pollwatch.alerting.defaults import AlertDefaults, merge
from pollwatch.alerting.grafana import DATA_SOURCE, FOLDER, provisioning_file
from pollwatch.alerting.model import RuleGroup
from pollwatch.alerting.prometheus import rule_file
from pollwatch.alerting.self_rules import self_rules
from pollwatch.api.load import Loaded, load
from pollwatch.cli.alert_defaults import alert_default_options
from pollwatch.cli.errors import BadInputError
from pollwatch.cli.findings import judge
from pollwatch.cli.sources import standard_input
from pollwatch.cli.terminal import write

_WIDTH = 110


@click.command
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["prometheus", "grafana"]),
    default="prometheus",
    show_default=True,
    help="A rule file of Prometheus, or a provisioning file of Grafana's alerting.",
)
@click.option(
    "--self",
    "with_self",
    is_flag=True,
    help="Add the alerts about Pollwatch itself: once, however many files are made of Checks.",
)
@click.option(
    "--default-pool",
    default="",
    metavar="NAME",
    help="The pool of Checks that name none. Default: the process that has no pools.",
)
@click.option(
    "--folder", default=FOLDER, show_default=True, metavar="TITLE", help="With grafana: where the rules are."
)
@click.option(
    "--data-source",
    default=DATA_SOURCE,
    show_default=True,
    metavar="UID",
    help="With grafana: the data source that has the series of Pollwatch.",
)
@alert_default_options
def command(
    paths: tuple[str, ...],
    *,
    output: str,
    with_self: bool,
    default_pool: str,
    folder: str,
    data_source: str,
    defaults: AlertDefaults,
) -> None:
    """Print the alert rules of the Checks in files.

    PATH is a file, a folder (its .yaml, .yml and .json files, with those of all folders in it)
    or - for standard input. Objects of other kinds are skipped, but ProbePools: what a pool says of
    alerts holds for the Checks whose first pool it is.

    It is for a Prometheus or a Grafana that no operator configures. In a cluster with Prometheus
    Operator or grafana-operator, the operator of Pollwatch writes the same rules as objects.

    Exits with 0, or with 2 and no rules when something in the files is wrong; `pollwatch validate`
    says the same, and more.
    """
    loaded = load(paths, stdin=standard_input())
    errors = [str(found) for found in judge(loaded, secrets_dir=None) if found.severity == "error"]
    if not loaded.checks and not errors:
        errors = [f"no Check found in {', '.join(paths)}: ProbePools alone have no alerts"]
    if errors:
        raise BadInputError(errors)
    groups = groups_of(loaded, replace(defaults, default_pool=default_pool))
    if with_self:
        groups.append(self_rules(defaults))
    document = (
        rule_file(groups)
        if output == "prometheus"
        else provisioning_file(groups, folder=folder, data_source=data_source)
    )
    write(sys.stdout, as_yaml(document))


def groups_of(loaded: Loaded, defaults: AlertDefaults) -> list[RuleGroup]:
    """Make the rules of all Checks, in an order that does not hang on the files they stand in."""
    pools = {sourced.pool.name: sourced.pool.spec.alert for sourced in loaded.pools}
    groups = []
    for check in sorted((sourced.check for sourced in loaded.checks), key=lambda check: check.key):
        first = check.spec.pool_names(defaults.default_pool)[0]
        group = rules_of_check(check, merge(defaults, pools.get(first)))
        if group is not None:
            groups.append(group)
    return groups


class _Blocks(yaml.SafeDumper):
    """Writes a text of several lines as such, and a value that occurs twice twice."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Blocks.add_representer(str, _text)


def as_yaml(document: dict[str, Any]) -> str:
    """Write a document of rules for people to read, too."""
    return yaml.dump(document, Dumper=_Blocks, sort_keys=False, allow_unicode=True, width=_WIDTH)
