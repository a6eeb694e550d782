"""`kubectl pollwatch`: the same command, found by its name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pollwatch import __version__

BIN = Path(sys.executable).parent
BROKEN = "apiVersion: pollwatch.dev/v1alpha1\nkind: Check\nmetadata: {name: a}\nspec: {}\n"


def kubectl(binary: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run kubectl where our programs are on PATH, and no cluster is known."""
    return subprocess.run(
        [binary, *arguments],
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "KUBECONFIG": os.devnull},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def test_kubectl_finds_the_plugin(kubectl_binary: Path) -> None:
    listed = kubectl(kubectl_binary, "plugin", "list")

    assert str(BIN / "kubectl-pollwatch") in listed.stdout.split()


def test_a_command_by_way_of_kubectl_is_the_same_command(kubectl_binary: Path) -> None:
    assert __version__ in kubectl(kubectl_binary, "pollwatch", "--version").stdout

    judged = kubectl(kubectl_binary, "pollwatch", "validate", "-", stdin=BROKEN)

    assert judged.returncode == 2
    assert "spec: exactly one of http or tcp must be set" in judged.stderr
