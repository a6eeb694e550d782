"""In CI nothing is passed over in silence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]

in_one_process_or_two = pytest.mark.parametrize("processes", ["0", "2"], ids=["one process", "two processes"])


def session(folder: Path, processes: str, **environment: str) -> tuple[int, str]:
    """Run pytest on the files of a folder, and one that passes; return its exit code and output."""
    (folder / "test_passes.py").write_text("def test_it(): pass\n")
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    plugins = ("-p", "xdist", "-p", "tests.support.no_skips")
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-c", os.devnull, "--numprocesses", processes, folder],
        check=False,
        capture_output=True,
        text=True,
        cwd=TREE,
        env={**inherited, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
    )
    return answer.returncode, answer.stdout


def skip(folder: Path, reason: str) -> None:
    (folder / "test_it.py").write_text(
        f"import pytest\n\n@pytest.mark.skip(reason={reason!r})\ndef test_it(): pass\n"
    )


@in_one_process_or_two
def test_a_skipped_test_fails_the_run_in_ci_and_is_named_with_its_reason(
    tmp_path: Path, processes: str
) -> None:
    skip(tmp_path, "no time")
    code, said = session(tmp_path, processes, CI="true")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert said.count("skipped in CI: ") == 1
    assert "test_it.py::test_it: Skipped: no time" in said


@in_one_process_or_two
def test_a_file_that_skips_itself_fails_the_run_in_ci(tmp_path: Path, processes: str) -> None:
    (tmp_path / "test_it.py").write_text("import pytest\n\npytest.skip('no time', allow_module_level=True)\n")
    code, said = session(tmp_path, processes, CI="true")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert said.count("skipped in CI: ") == 1
    assert "test_it.py: Skipped: no time" in said


@in_one_process_or_two
def test_a_test_for_another_platform_may_be_skipped_in_ci(tmp_path: Path, processes: str) -> None:
    skip(tmp_path, "only on Plan 9")
    assert session(tmp_path, processes, CI="true")[0] == pytest.ExitCode.OK


def test_a_person_may_skip_what_they_like(tmp_path: Path) -> None:
    skip(tmp_path, "no time")
    assert session(tmp_path, "0")[0] == pytest.ExitCode.OK
