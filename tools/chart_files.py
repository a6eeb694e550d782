"""What of the chart is generated: the paths in the tree, and the texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.chart_rights import rights_templates
from tools.chart_templates import admission_template, crd_templates
from tools.chart_values import readme, values_schema
from tools.self_rules import self_rules_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def chart_files(root: Path) -> Mapping[str, Callable[[], str]]:
    """Return what makes the text of each file.

    Args:
        root: the tree.
    """
    chart = root / "charts" / "pollwatch"

    def read(name: str) -> str:
        return (chart / name).read_text(encoding="utf-8")

    files = {
        "README.md": lambda: readme(read("README.md"), read("values.yaml")),
        "files/self-rules.yaml": self_rules_file,
        "values.schema.json": lambda: values_schema(read("values.yaml")),
        "templates/_rights.tpl": lambda: rights_templates(root / "manifests" / "rbac"),
        "templates/admission.yaml": lambda: admission_template(
            (root / "manifests" / "admission" / "pools.yaml").read_text(encoding="utf-8")
        ),
        **{f"templates/crds/{name}": text for name, text in crd_templates().items()},
    }
    return {f"charts/pollwatch/{name}": text for name, text in files.items()}
