"""`pollwatch crds`: print what the cluster must know before the first Check."""

import sys

import click

from pollwatch.api.crd import check_crd, crd_yaml
from pollwatch.cli.terminal import write


@click.command
def command() -> None:
    """Print the custom resource definitions as YAML.

    Apply them with `pollwatch crds | kubectl apply --server-side -f -`.
    """
    write(sys.stdout, crd_yaml(check_crd()))
