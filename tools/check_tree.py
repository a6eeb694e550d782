"""Hold what no linter knows: where files may stand, and how long they may be."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 700
MEDIAN = 200


def tracked(pattern: str) -> list[Path]:
    """Files of the tree that match, whether committed yet or not."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for line in listing.stdout.splitlines() if (path := ROOT / line).exists()]


def problems() -> list[str]:
    """One line for each rule that does not hold."""
    found = [
        f"{path.relative_to(ROOT)}: a module directly in operator/ shadows the standard library: move it down"
        for path in tracked("operator/*.py")
        if path.parent == ROOT / "operator"
    ]
    lengths: list[int] = []
    for path in tracked("*.py"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if path.is_relative_to(ROOT / "operator") and path.name != "__init__.py":
            lengths.append(lines)
        if lines > LONGEST:
            found.append(f"{path.relative_to(ROOT)}: {lines} lines, more than {LONGEST}: split it by subject")
    median = statistics.median(lengths)
    if median > MEDIAN:
        found.append(f"operator/: the median module has {median:.0f} lines, more than {MEDIAN}")
    return found


if __name__ == "__main__":
    lines = problems()
    print("\n".join(lines) if lines else "tree: ok")
    sys.exit(1 if lines else 0)
