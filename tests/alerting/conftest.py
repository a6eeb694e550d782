"""Fixtures of the tests of alerting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pollwatch.alerting.model import RuleGroup
from tests.alerting.story import ALIVE, play

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Expect(Protocol):
    """What the fixture `expect` is."""

    def __call__(
        self,
        groups: Sequence[RuleGroup] | RuleGroup,
        series: Sequence[Mapping[str, str]],
        firing: Mapping[str, Sequence[str]],
        *,
        alerts: Sequence[Mapping[str, Any]] = (),
        alive: bool = True,
    ) -> None:
        """Fail unless these alerts fire at these times; see `play` for the arguments."""


@pytest.fixture
def expect(promtool_binary: Path, tmp_path: Path) -> Expect:
    """Judges by `promtool test rules` which alerts fire when."""

    def judge(
        groups: Sequence[RuleGroup] | RuleGroup,
        series: Sequence[Mapping[str, str]],
        firing: Mapping[str, Sequence[str]],
        *,
        alerts: Sequence[Mapping[str, Any]] = (),
        alive: bool = True,
    ) -> None:
        wanted = [groups] if isinstance(groups, RuleGroup) else groups
        scraped = [*series, ALIVE] if alive else series
        said = play(promtool_binary, tmp_path, wanted, scraped, firing, alerts=alerts)
        assert not said, said

    return judge
