"""A process that probes is set up for it."""

import json
import resource
import subprocess
import sys

import pytest

from pollwatch.worker.process import MOST_PROBES, affordable_probes

SCRIPT = """
import json, resource
from pollwatch.worker.process import raise_descriptor_limit
print(json.dumps([raise_descriptor_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0]]))
"""


def limits_after(soft: int, hard: int) -> list[int]:
    """What a process started with these limits ends up with: the limit it reports, and the one it has."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[int] = json.loads(done.stdout)
    return found


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    assert limits_after(256, 1_000) == [1_000, 1_000]


def test_a_limit_that_is_as_high_as_it_may_be_is_left_alone() -> None:
    assert limits_after(1_000, 1_000) == [1_000, 1_000]


@pytest.mark.parametrize(("descriptors", "probes"), [(2, 1), (1_000, 333), (1_000_000, MOST_PROBES)])
def test_fewer_descriptors_mean_fewer_probes_at_a_time_and_never_none(descriptors: int, probes: int) -> None:
    assert affordable_probes(descriptors) == probes
