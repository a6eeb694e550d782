"""The queries that the pages show can be pasted into Prometheus."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, blocks, name

# A line that is not indented begins an expression.
EXPRESSION = re.compile(r"^\S.*(?:\n\s+.*)*", re.MULTILINE)
SHOWN = [
    (name(page), expression)
    for page in PAGES
    for block in blocks(page, "promql")
    for expression in EXPRESSION.findall(block)
]


def test_the_runbooks_show_queries() -> None:
    assert len(SHOWN) > 10


@pytest.mark.prometheus
def test_prometheus_understands_every_query_that_a_page_shows(promtool_binary: Path, tmp_path: Path) -> None:
    rules = [
        {"record": f"shown:query_{number}", "expr": expression}
        for number, (_, expression) in enumerate(SHOWN)
    ]
    file = tmp_path / "rules.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "shown", "rules": rules}]}), encoding="utf-8")

    judged = subprocess.run(
        [promtool_binary, "check", "rules", file], capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
