"""A shell beside a fresh one-node cluster: `python -m tests.cluster.node [COMMAND ...]`, as root.

`kubectl` works in it. The cluster ends with the shell.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cluster.node.kit import KIT_VARIABLE, Kit
from tests.cluster.node.launch import launch
from tests.cluster.node.node import OneNode
from tests.cluster.progress import Progress


def main() -> int:
    """Start the node, then the command.

    Returns:
        The command's exit code.
    """
    command = sys.argv[1:] or [os.environ.get("SHELL", "/bin/sh")]
    if KIT_VARIABLE not in os.environ:
        return launch([sys.executable, "-m", "tests.cluster.node", *command])
    progress = Progress(sys.stderr)
    kit = Kit.read(Path(os.environ[KIT_VARIABLE]))
    with OneNode(kit, progress=progress) as node:
        progress.say("the node is ready")
        path = os.pathsep.join((str(kit.programs["kubectl"].parent), os.environ["PATH"]))
        environment = {**os.environ, "KUBECONFIG": str(node.kubeconfig), "PATH": path}
        return subprocess.run(command, check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
