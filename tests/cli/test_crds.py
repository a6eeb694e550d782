"""`pollwatch crds`."""

from __future__ import annotations

import yaml
from click.testing import CliRunner

from pollwatch.api.resources import CHECK, PROBE_POOL
from pollwatch.cli.crds import command


def test_the_definitions_are_printed_as_yaml() -> None:
    result = CliRunner().invoke(command)

    assert result.exit_code == 0
    assert list(yaml.safe_load_all(result.stdout)) == [CHECK.crd(), PROBE_POOL.crd()]
