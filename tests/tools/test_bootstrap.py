"""What a newcomer's machine may lack, and what `make` then says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import bootstrap
from tools.bootstrap import UV, CannotGoOnError, cache_folder, find_uv, run, up_to_date

ROOT = Path(__file__).parents[2]


def command(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def make(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `make` as from a terminal of its own: without what a surrounding `make` hands on."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        [shutil.which("make") or "make", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**inherited, "PATH": path or os.environ["PATH"]},
    )


def first_line(answer: subprocess.CompletedProcess[str]) -> str:
    """What is said before the line that `make` itself adds; there is no other."""
    said, added = answer.stderr.splitlines()
    assert added.startswith("make: ***")
    return said


@pytest.mark.parametrize("version", ["2.7.18", "3.6.15", "3.10.13"])
def test_a_python_that_is_too_old_is_told_with_its_version_and_the_remedy(
    tmp_path: Path, version: str
) -> None:
    old = command(tmp_path, "python", f'[ "$1" = --version ] && echo Python {version} && exit\nexit 1')

    answer = make("venv", f"PYTHON={old}")

    assert answer.returncode == 2
    assert first_line(answer) == (
        f"Python 3.11 or newer is needed, and {old} is none (Python {version}): "
        "install it, or name one: make PYTHON=python3.12"
    )


def test_a_machine_without_python_is_told_what_to_install(tmp_path: Path) -> None:
    for name in ("sh", "head"):
        (tmp_path / name).symlink_to(shutil.which(name) or f"/bin/{name}")

    answer = make("venv", path=str(tmp_path))

    assert answer.returncode == 2
    assert first_line(answer).startswith("Python 3.11 or newer is needed, and python3 is none (")


def test_of_the_pythons_on_path_the_first_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    command(tmp_path, "python3", "exit 1")
    command(tmp_path, "python3.14", "exit 1")
    new = command(tmp_path, "python3.13", f'exec {sys.executable} "$@"')

    answer = make("--dry-run", "venv", path=f"{tmp_path}:/bin:/usr/bin")

    assert f"{new.name} tools/bootstrap.py" in answer.stdout


def test_a_machine_without_git_is_told_so(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, ROOT / "tools" / "bootstrap.py"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(tmp_path)},
    )
    assert (answer.returncode, answer.stderr) == (1, "bootstrap: git is missing: install it\n")


def test_the_cache_is_outside_the_tree_where_the_user_wants_it() -> None:
    assert cache_folder({"POLLWATCH_CACHE": "/here"}) == Path("/here")
    assert cache_folder({"XDG_CACHE_HOME": "/caches"}) == Path("/caches/pollwatch")
    assert cache_folder({}) == Path.home() / ".cache" / "pollwatch"


def test_the_uv_on_path_is_used_and_else_the_one_that_was_installed_before(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), "POLLWATCH_CACHE": str(tmp_path / "cache")}
    installed = tmp_path / "cache" / UV.replace("==", "-") / "bin" / "uv"
    installed.parent.mkdir(parents=True)
    installed.touch()

    assert find_uv(environment) == installed
    on_path = command(tmp_path, "uv", "exit 0")
    assert find_uv(environment) == on_path


def test_a_python_without_its_venv_module_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)

    with pytest.raises(CannotGoOnError, match="apt install python3-venv"):
        find_uv({"PATH": str(tmp_path), "POLLWATCH_CACHE": str(tmp_path)})


def test_a_step_that_fails_is_told_with_its_last_words_on_either_stream() -> None:
    with pytest.raises(CannotGoOnError, match=r"^it failed: no route to host$"):
        run("sh", "-c", "echo resolving; echo no route to host >&2; exit 1", what="it", quiet=True)
    with pytest.raises(CannotGoOnError, match=r"^it failed: no space left$"):
        run("sh", "-c", "echo no space left; exit 1", what="it", quiet=True)
    with pytest.raises(CannotGoOnError, match=r"^it failed: exit code 3$"):
        run("sh", "-c", "exit 3", what="it", quiet=True)


def test_an_environment_is_made_anew_when_the_lock_is_newer_or_its_python_is_gone(tmp_path: Path) -> None:
    venv, lock = tmp_path / "venv", tmp_path / "uv.lock"
    python, stamp = venv / "bin" / "python", venv / bootstrap.STAMP
    python.parent.mkdir(parents=True)
    lock.touch()
    assert not up_to_date(venv, (lock,))

    python.symlink_to(sys.executable)
    stamp.touch()
    os.utime(lock, (1, 1))
    assert up_to_date(venv, (lock,))

    os.utime(lock, (stamp.stat().st_mtime + 1,) * 2)
    assert not up_to_date(venv, (lock,))

    os.utime(lock, (1, 1))
    python.unlink()
    python.symlink_to(tmp_path / "a Python that was uninstalled")
    assert not up_to_date(venv, (lock,))
