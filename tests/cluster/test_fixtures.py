from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parents[2]
ASSETS = {"KUBEBUILDER_ASSETS": "/nowhere"}


def run_a_test_that_needs_a_cluster(folder: Path, **environment: str) -> str:
    (folder / "test_it.py").write_text("def test_it(control_plane): pass\n")
    decisive = {"CI", "POLLWATCH_SKIP_CLUSTER", "PYTEST_ADDOPTS"}
    inherited = {name: value for name, value in os.environ.items() if name not in decisive}
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.cluster.fixtures", "-rs", "-c", os.devnull, folder],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=TREE,
        env={**inherited, **ASSETS, **environment},
    )
    return answer.stdout


def test_a_missing_program_fails_the_tests_that_need_it_with_one_line(tmp_path: Path) -> None:
    output = run_a_test_that_needs_a_cluster(tmp_path)

    assert "etcd cannot be had: KUBEBUILDER_ASSETS is /nowhere, where there is no etcd" in output
    assert "1 error" in output
    assert "Traceback" not in output


def test_a_person_may_skip_the_tests_that_need_a_cluster(tmp_path: Path) -> None:
    output = run_a_test_that_needs_a_cluster(tmp_path, POLLWATCH_SKIP_CLUSTER="1")

    assert "POLLWATCH_SKIP_CLUSTER=1: no test that needs etcd" in output
    assert "1 skipped" in output


def test_ci_may_not_skip_them(tmp_path: Path) -> None:
    output = run_a_test_that_needs_a_cluster(tmp_path, POLLWATCH_SKIP_CLUSTER="1", CI="true")

    assert "1 error" in output
