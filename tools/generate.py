"""Write what is generated from the code, or say what of it is stale.

python -m tools.generate [--check]
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from pollwatch.alerting.dashboards.files import DASHBOARDS
from pollwatch.alerting.dashboards.reference import reference as dashboards_reference
from pollwatch.api.crd import crd_yaml
from pollwatch.api.reference import check_reference, pool_reference
from pollwatch.api.resources import CHECK, PROBE_POOL, RESOURCES
from pollwatch.control.reference import reference as operator_metrics_reference
from pollwatch.series.reference import reference as metrics_reference
from pollwatch.worker.reference import reference as worker_metrics_reference
from tools.chart_files import chart_files
from tools.cli_reference import cli_reference
from tools.editor_schema import editor_schema, file_name
from tools.install_yaml import INSTALLS
from tools.sample_rules import sample_rules
from tools.self_rules import self_rules_object
from tools.versioned import versioned_files

ROOT = Path(__file__).resolve().parent.parent

GENERATED: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "manifests/crds/pollwatch.dev_checks.yaml": lambda: crd_yaml(CHECK),
        "manifests/crds/pollwatch.dev_probepools.yaml": lambda: crd_yaml(PROBE_POOL),
        **{f"manifests/{install.file}": install.text for install in INSTALLS},
        "manifests/monitoring/prometheus-rule.yaml": self_rules_object,
        "manifests/samples/prometheus/pollwatch.rules.yaml": lambda: sample_rules(ROOT),
        **versioned_files(ROOT),
        **chart_files(ROOT),
        **{f"charts/pollwatch/dashboards/{name}": build().text for name, build in DASHBOARDS.items()},
        **{f"docs/schemas/{file_name(one)}": partial(editor_schema, one) for one in RESOURCES},
        "docs/reference/check.md": check_reference,
        "docs/reference/pool.md": pool_reference,
        "docs/reference/dashboards.md": dashboards_reference,
        "docs/reference/cli.md": cli_reference,
        "docs/reference/metrics.md": metrics_reference,
        "docs/reference/worker-metrics.md": worker_metrics_reference,
        "docs/reference/operator-metrics.md": operator_metrics_reference,
    }
)
"""In an order in which later files may be made of earlier ones."""


def main(arguments: list[str]) -> int:
    """Write all of them; with `--check`, name those that would change, and exit with 1."""
    stale = []
    for name, text in GENERATED.items():
        path, wanted = ROOT / name, text()
        if path.exists() and path.read_text(encoding="utf-8") == wanted:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
            print(f"wrote {name}")
    if "--check" not in arguments:
        return 0
    for name in stale:
        print(f"{name} is stale: run `make generate`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
