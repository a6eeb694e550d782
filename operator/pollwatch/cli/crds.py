"""`pollwatch crds`: print what the cluster must know before the first Check."""

import sys

import click

from pollwatch.api.crd import crd_yaml
from pollwatch.api.resources import RESOURCES
from pollwatch.cli.terminal import write


@click.command
def command() -> None:
    """Print the custom resource definitions as YAML.

    Apply them with `pollwatch crds | kubectl apply --server-side -f -`.
    """
    write(sys.stdout, "---\n".join(map(crd_yaml, RESOURCES)))
