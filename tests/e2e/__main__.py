"""Run the tests of this folder on a whole one-node cluster: `python -m tests.e2e [PYTEST ARGUMENT ...]`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.cluster.node.launch import launch

if __name__ == "__main__":
    arguments = sys.argv[1:]
    folder = str(Path(__file__).parent.relative_to(Path.cwd()))
    if not any(argument.startswith(folder) for argument in arguments):
        arguments = [folder, *arguments]
    # Progress goes past pytest, to the terminal: a run takes minutes.
    pytest = [sys.executable, "-m", "pytest", "--verbose", "--capture=sys"]
    sys.exit(launch([*pytest, *arguments], monitoring=True))
