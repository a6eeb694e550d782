"""Whether people with any colour vision tell the verdicts apart."""

from __future__ import annotations

import itertools
import math
import re
from typing import TYPE_CHECKING

import pytest

from pollwatch.alerting.dashboards.looks import REASONS
from pollwatch.alerting.dashboards.verdicts import COLOUR
from pollwatch.plan.samples import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

VISIONS = {
    "of most people": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    # Machado, Oliveira and Fernandes, 2009, at severity 1: https://www.inf.ufrgs.br/~oliveira/pubs_files/CVD_Simulation
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}

CLEARLY = 25
"""Difference (CIE76) of colours that nobody mistakes side by side; about 2 is just noticeable."""


@pytest.mark.parametrize("vision", VISIONS)
def test_any_two_verdicts_differ_clearly(vision: str) -> None:
    seen = {verdict: lab(linear(colour), VISIONS[vision]) for verdict, colour in COLOUR.items()}
    for one, other in itertools.combinations(seen, 2):
        assert math.dist(seen[one], seen[other]) > CLEARLY, (one, other)


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_has_one_colour(reason: Reason) -> None:
    assert len([one for one in REASONS if re.search(one.pattern, reason)]) == 1


def linear(colour: str) -> list[float]:
    """Red, green and blue of `#RRGGBB` as light, 0 to 1 (IEC 61966-2-1)."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def lab(light: Sequence[float], vision: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """A colour as it is seen, in CIELAB (D65)."""
    red, green, blue = (
        min(1.0, max(0.0, sum(weight * part for weight, part in zip(row, light, strict=True))))
        for row in vision
    )
    x, y, z = (
        value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
        for value in (
            (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
            0.2126 * red + 0.7152 * green + 0.0722 * blue,
            (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)
