"""Figures, and the tables made of them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeCost:
    """What one engine used for a number of probes."""

    engine: str
    probes: int
    cpu_seconds: float
    resident_bytes: int

    @property
    def microseconds(self) -> float:
        """CPU a probe."""
        return self.cpu_seconds / self.probes * 1e6


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median and range, as `88 (85-91)`."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
