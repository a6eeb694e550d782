"""A dashboard as Grafana's own models understand it: JSON on standard input, and again on standard output.

A program of its own, since there is one package of models for each version of Grafana, all of one name:
`PYTHONPATH` says which.
"""

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

if __name__ == "__main__":
    register_default_plugins()
    sys.stdout.write(JSONEncoder().encode(Dashboard.from_json(json.load(sys.stdin))))
