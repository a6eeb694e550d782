"""The commands that the pages show can be typed."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from pollwatch.cli.commands import main
from tests.docs.pages import PAGES, ROOT, commands, name

PROGRAM = re.compile(r"(?:^|<\(|\| |-- |kubectl )pollwatch (?=[a-z])(.*)")
VALUES = yaml.safe_load((ROOT / "charts/pollwatch/values.yaml").read_text(encoding="utf-8"))


def shown() -> Iterator[tuple[str, str]]:
    """What stands after `pollwatch`, with the page that shows it."""
    for page in PAGES:
        for command in commands(page):
            for match in PROGRAM.finditer(command.partition("  #")[0]):
                yield name(page), re.split(r"[|>)]|&&", match[1])[0].strip()


def settings() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for key in re.findall(r"--set(?:-string)? ['\"]?([A-Za-z.]+)", page.read_text(encoding="utf-8")):
            yield name(page), key


@pytest.mark.parametrize(("page", "arguments"), sorted(set(shown())))
def test_a_command_and_its_options_exist(page: str, arguments: str) -> None:
    words = shlex.split(arguments)
    context, command = click.Context(main, info_name="pollwatch"), click.Command("")
    group: click.Command = main
    while isinstance(group, click.Group):
        found = group.get_command(context, words.pop(0))
        assert found is not None, page
        command = group = found
    options = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
    given = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
    assert given - options - {"-h", "--help"} == set(), page


@pytest.mark.parametrize(("page", "key"), sorted(set(settings())))
def test_a_value_of_the_chart_exists(page: str, key: str) -> None:
    values = VALUES
    for part in key.split("."):
        assert part in values, f"{page}: {key}"
        values = values[part] or {}


def releases() -> Iterator[tuple[str, str]]:
    """What Helm is told to do with a release, with the page that shows it."""
    for page in (*PAGES, ROOT / "charts/pollwatch/README.md"):
        for command in commands(page):
            if re.match(r"helm (install|upgrade|rollback|uninstall) ", command):
                yield name(page), command


@pytest.mark.parametrize(("page", "command"), sorted(set(releases())))
def test_helm_is_told_in_which_namespace_the_release_is(page: str, command: str) -> None:
    # Without, it is the namespace of the context: another release, which is refused or beside the first.
    assert re.search(r" (--namespace|-n)[ =]pollwatch-system\b", command), page


def test_helm_is_shown_in_several_pages() -> None:
    assert len({page for page, _ in releases()}) > 3


@pytest.mark.parametrize("page", ["docs/how-to/install.md", "docs/how-to/run-pools.md"])
def test_the_image_that_is_named_for_an_install_with_pools_is_that_of_workers_too(page: str) -> None:
    (command,) = (one for one in commands(ROOT / page) if one.startswith("sed "))
    edited = subprocess.run(
        shlex.split(command.partition(" | ")[0]), check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout

    images = re.findall(r"(?:image: |--worker-image=)(\S+)", edited)
    assert set(images) == {"REGISTRY/pollwatch:TAG"}
    assert len(images) == 2


def test_there_are_commands_in_many_pages() -> None:
    assert len({page for page, _ in shown()}) > 5


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_file_that_is_applied_is_there(page: Path) -> None:
    named = re.findall(r"-f ((?:manifests|charts)/\S+)", "\n".join(commands(page)))
    assert [file for file in named if not (ROOT / file).exists()] == []
