"""In CI nothing is passed over in silence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]


def session(folder: Path, reason: str, **environment: str) -> tuple[int, str]:
    """Run pytest on one test that is skipped; return its exit code and output."""
    (folder / "test_it.py").write_text(
        f"import pytest\n\n@pytest.mark.skip(reason={reason!r})\ndef test_it(): pass\n"
    )
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.support.no_skips", "-c", os.devnull, folder],
        check=False,
        capture_output=True,
        text=True,
        cwd=TREE,
        env={**inherited, **environment},
    )
    return answer.returncode, answer.stdout


def test_a_skipped_test_fails_the_run_in_ci_and_is_named_with_its_reason(tmp_path: Path) -> None:
    code, said = session(tmp_path, "no time", CI="true")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "skipped in CI: " in said
    assert "test_it.py::test_it: Skipped: no time" in said


def test_a_test_for_another_platform_may_be_skipped_in_ci(tmp_path: Path) -> None:
    assert session(tmp_path, "only on Plan 9", CI="true")[0] == pytest.ExitCode.OK


def test_a_person_may_skip_what_they_like(tmp_path: Path) -> None:
    assert session(tmp_path, "no time")[0] == pytest.ExitCode.OK
