"""A metric that a page names is one that there is."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, name

REFERENCES = "\n".join(
    (ROOT / "docs/reference" / page).read_text(encoding="utf-8")
    for page in ("metrics.md", "worker-metrics.md", "operator-metrics.md")
)
KNOWN = set(re.findall(r"^\| `([a-z_]+)` \|", REFERENCES, re.MULTILINE))
KNOWN |= {f"{metric}{suffix}" for metric in KNOWN for suffix in ("_bucket", "_count", "_sum")}
METRIC = re.compile(r"(?<![\w/.-])((?:probe|pollwatch)_[a-z][a-z_]*[a-z])(?![\w/*-])")
NO_METRICS = {
    "probe_redis",  # a function
    "probe_expect_info",
    "probe_failed_due_to_bytes",
    "probe_failed_due_to_cel",
    "probe_ssl_last_chain_expiry_timestamp_seconds",
    "probe_ssl_last_chain_info",
}
"""Named like metrics: of blackbox_exporter, of which a page says that they are not there, and others."""


def test_the_references_are_read() -> None:
    assert {"probe_success", "pollwatch_operator_leader", "pollwatch_worker_plan_checks"} <= KNOWN


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_metrics_of_a_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(METRIC.findall(text))
    assert named - KNOWN - NO_METRICS == set()
