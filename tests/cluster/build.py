"""Make the programs that the tests and benchmarks need: `python -m tests.cluster.build [PROGRAM ...]`."""

from __future__ import annotations

import argparse
import os
import sys

from tests.cluster.cache import ToolUnavailableError
from tests.cluster.programs import NEEDED_BY_TESTS
from tests.cluster.progress import Progress
from tests.cluster.tools import NAMES, Toolbox


def main() -> int:
    """Print `NAME=PATH` for each program asked for, once it exists.

    Returns:
        0, or 1 after one line on standard error about what is missing.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.build", description=__doc__)
    parser.add_argument(
        "programs",
        nargs="*",
        metavar="PROGRAM",
        help=f"one of {', '.join(NAMES)} (default: {' '.join(NEEDED_BY_TESTS)})",
    )
    names = parser.parse_args().programs or NEEDED_BY_TESTS
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"unknown program {unknown[0]!r}: choose from {', '.join(NAMES)}")
    progress = Progress(sys.stderr)
    toolbox = Toolbox(os.environ, progress)
    try:
        for name in names:
            path = toolbox.path(name)
            sys.stdout.write(f"{name}={path}\n")
    except ToolUnavailableError as error:
        progress.say(f"python -m tests.cluster.build: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
