"""`pollwatch crds`: print what the cluster must know before the first Check."""

import click

from pollwatch.api.crd import check_crd, crd_yaml


@click.command
def command() -> None:
    """Print the custom resource definitions as YAML.

    Apply them with `pollwatch crds | kubectl apply --server-side -f -`.
    """
    click.echo(crd_yaml(check_crd()), nl=False)
