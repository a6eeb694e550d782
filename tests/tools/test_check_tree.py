"""What no linter knows of is held all the same."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree that is as it must be."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for name in ("operator/pollwatch/wire.py", "operator/pollwatch/tls.py", "tests/test_wire.py"):
        write(tmp_path / name, 150)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "check_tree.py", tmp_path / "tools")
    return tmp_path


def write(path: Path, lines: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("pass\n" * lines)


def check(tree: Path) -> tuple[int, str]:
    answer = subprocess.run(
        [sys.executable, tree / "tools" / "check_tree.py"], capture_output=True, text=True, check=False
    )
    return answer.returncode, answer.stdout


def test_a_tree_that_is_as_it_must_be_passes(tree: Path) -> None:
    assert check(tree) == (0, "tree: ok\n")


def test_a_module_that_would_shadow_the_standard_library_is_named_before_it_is_committed(tree: Path) -> None:
    write(tree / "operator" / "__init__.py", 0)

    code, said = check(tree)

    assert code == 1
    assert said.startswith("operator/__init__.py: a module directly in operator/ shadows")


@pytest.mark.parametrize("place", ["operator/pollwatch", "tests", "benchmarks", "demo", "tools"])
def test_a_module_that_is_too_long_is_named_wherever_it_is(tree: Path, place: str) -> None:
    write(tree / place / "long.py", 701)

    assert check(tree) == (1, f"{place}/long.py: 701 lines, more than 700: split it by subject\n")


def test_modules_that_grow_together_are_noticed_by_their_median(tree: Path) -> None:
    for name in ("one", "two", "three"):
        write(tree / "operator" / "pollwatch" / f"{name}.py", 201)

    assert check(tree) == (1, "operator/: the median module has 201 lines, more than 200\n")


def test_what_git_ignores_or_has_lost_is_not_looked_at(tree: Path) -> None:
    write(tree / "tests" / "lost.py", 701)
    subprocess.run(["git", "add", "tests/lost.py"], cwd=tree, check=True)
    (tree / "tests" / "lost.py").unlink()
    write(tree / "tests" / "ignored.py", 701)
    (tree / ".gitignore").write_text("ignored.py\n")

    assert check(tree) == (0, "tree: ok\n")
