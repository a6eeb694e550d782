"""The rule file among the samples: that of the sample Checks, and of Pollwatch itself."""

import io
from pathlib import Path

from pollwatch.alerting.defaults import AlertDefaults
from pollwatch.alerting.prometheus import rule_file
from pollwatch.alerting.self_rules import self_rules
from pollwatch.api.load import load
from pollwatch.cli.rules import as_yaml, groups_of

_CHECKS = "manifests/samples/election-night"

_HEADING = f"""\
# The alert rules of the Checks in {_CHECKS}, and those about Pollwatch itself.
# Made by: pollwatch rules --self {_CHECKS}
"""


def sample_rules(root: Path) -> str:
    """Return what `pollwatch rules` prints for the samples.

    Args:
        root: Of the repository.
    """
    defaults = AlertDefaults()
    loaded = load([str(root / _CHECKS)], stdin=io.BytesIO())
    return _HEADING + as_yaml(rule_file([*groups_of(loaded, defaults), self_rules(defaults)]))
