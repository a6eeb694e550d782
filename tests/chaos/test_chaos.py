"""Whatever dies, and whenever: in the end every Check is probed on time and its status is true.

`make test` plays three seeds with 100 Checks, `make chaos` twenty with 1,000.
To see one again: `make chaos SEEDS=7`.
What the machine kept processes waiting is measured, and not blamed on them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.chaos.schedule import schedule
from tests.chaos.stage import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.controlplane import ControlPlane
    from tests.control.pool_stage import Pools
    from tests.support.counting_site import CountingSite

SEEDS = [int(seed) for seed in os.environ.get("POLLWATCH_CHAOS_SEEDS", "1,2,3").split(",")]
CHECKS = int(os.environ.get("POLLWATCH_CHAOS_CHECKS", "100"))
SECONDS = 24.0
"""For which things happen, on a machine that has the time."""


@pytest.mark.alone
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_dies_nothing_is_lost_nothing_is_told_twice_and_nothing_is_left_over(
    seed: int,
    cluster: ControlPlane,
    pools: Pools,
    counted: CountingSite,
    namespace: str,
    tmp_path: Path,
) -> None:
    stage = Stage(cluster, pools, counted, namespace=namespace, folder=tmp_path / "stage")
    wrong = stage.run(schedule(seed, checks=CHECKS, seconds=SECONDS), checks=CHECKS)
    if wrong:
        more = [f"... and {len(wrong) - 20} more"] if len(wrong) > 20 else []
        lines = [f"seed {seed}, logs in {tmp_path}:", *wrong[:20], *more, "what happened:", *stage.timeline]
        pytest.fail("\n".join(lines), pytrace=False)
