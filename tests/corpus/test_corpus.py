"""The corpus is judged the same by the API server and by us."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pollwatch.api.resources import RESOURCES
from pollwatch.compile.check import Rejected, compile_check
from pollwatch.compile.resources import GivenResources
from tests.cluster.apiclient import ApiError
from tests.corpus.corpus import (
    BAD,
    GOOD,
    REJECTED,
    document_in,
    expected,
    load_file,
    messages_in,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.controlplane import ControlPlane


RULE_MESSAGES = frozenset(messages_in([resource.crd() for resource in RESOURCES]))


def of_file(file: Path) -> str:
    return file.stem


def offer(control_plane: ControlPlane, file: Path) -> None:
    """Have the API server judge a resource, without keeping it."""
    document = document_in(file)
    (resource,) = (one for one in RESOURCES if one.kind == document["kind"])
    place = f"namespaces/default/{resource.plural}" if resource.namespaced else resource.plural
    path = f"/apis/{document['apiVersion']}/{place}"
    control_plane.admin.post(path, document, dryRun="All", fieldValidation="Strict")


@pytest.mark.parametrize(("kind", "least"), [("Check", 60), ("ProbePool", 60)])
def test_the_corpus_holds_many_bad_resources_of_each_kind(kind: str, least: int) -> None:
    assert sum(document_in(file)["kind"] == kind for file in BAD) >= least


@pytest.mark.parametrize("file", GOOD, ids=of_file)
def test_what_is_good_is_valid(file: Path) -> None:
    loaded = load_file(file)

    assert [str(problem) for problem in loaded.problems] == []
    assert len(loaded.checks) + len(loaded.pools) == 1


@pytest.mark.parametrize("file", BAD, ids=of_file)
def test_what_is_bad_is_refused_with_one_problem_in_the_field_that_is_wrong(file: Path) -> None:
    announced = expected(file)
    (problem,) = load_file(file).problems

    assert problem.path == announced.path
    assert announced.message in problem.message
    assert problem.file == str(file)
    assert problem.line is not None


@pytest.mark.parametrize("file", REJECTED, ids=of_file)
def test_a_rejected_check_is_valid_and_cannot_be_compiled(file: Path) -> None:
    announced = expected(file)
    loaded = load_file(file)
    (sourced,) = loaded.checks
    resources = GivenResources(secrets=loaded.secrets, config_maps=loaded.config_maps)

    with pytest.raises(Rejected) as rejected:
        compile_check(sourced.check, resources)

    (problem,) = rejected.value.problems
    assert problem.path == announced.path
    assert f"{problem.reason}: {problem.message}".startswith(announced.message)


@pytest.mark.parametrize("file", [*GOOD, *REJECTED], ids=of_file)
def test_the_api_server_takes_what_is_valid_offline(control_plane: ControlPlane, file: Path) -> None:
    offer(control_plane, file)


@pytest.mark.parametrize("file", BAD, ids=of_file)
def test_the_api_server_refuses_what_is_invalid_offline_and_names_the_field(
    control_plane: ControlPlane, file: Path
) -> None:
    with pytest.raises(ApiError) as refused:
        offer(control_plane, file)

    assert refused.value.status in {400, 422}
    # A key of a map stands in brackets there: `labels[team]`.
    assert expected(file).path in re.sub(r"\[([A-Za-z_]\w*)\]", r".\1", refused.value.message)


@pytest.mark.parametrize("file", BAD, ids=of_file)
def test_a_broken_rule_is_told_in_the_same_words_by_the_api_server_and_no_other_is(
    control_plane: ControlPlane, file: Path
) -> None:
    (problem,) = load_file(file).problems
    with pytest.raises(ApiError) as refused:
        offer(control_plane, file)

    told = {message for message in RULE_MESSAGES if message in refused.value.message}
    assert told == RULE_MESSAGES & {problem.message}
