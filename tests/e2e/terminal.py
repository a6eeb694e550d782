"""What a user types, and what they see: the commands of a test, with their real output."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.cluster.node.images import TREE
from tests.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.node.kit import Kit
    from tests.cluster.node.node import OneNode
    from tests.cluster.progress import Progress


class CommandError(AssertionError):
    """A command of the user failed; the message is the command and what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A shell in the root folder of this tree, with `kubectl` and `helm` for the node.

    Attributes:
        node: The cluster.
        kit: Where the programs are.
        progress: Hears each command that was to be shown, before it runs.
        transcript: Each command that was to be shown, and its output, in the order they were run.
    """

    node: OneNode
    kit: Kit
    progress: Progress
    transcript: list[str] = field(default_factory=list)

    def run(self, command: str, *, shown: bool = True, timeout_seconds: float = 300.0) -> str:
        """Run a command, as typed, and return what it prints on either stream.

        Args:
            command: A line or several for bash.
            shown: Whether it belongs into the transcript.
            timeout_seconds: It is ended after that long.

        Raises:
            CommandError: It failed.
        """
        if shown:
            self.progress.say(f"$ {command.strip()}")
        answer = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_seconds,
            cwd=TREE,
            env=self._environment(),
        )
        if answer.returncode != 0:
            raise CommandError(f"$ {command.strip()}\n{answer.stdout.strip()}")
        if shown:
            self._show(command, answer.stdout)
        return answer.stdout

    def run_until(
        self, shows: Callable[[str], bool], command: str, *, what: str, within_seconds: float = 60.0
    ) -> str:
        """Run a command until it shows what is wanted; the transcript has the last time only.

        Raises:
            CommandError: It failed.
            DeadlineError: What was wanted did not come in time.
        """
        self.progress.say(f"$ {command.strip()}")

        def look() -> str:
            output = self.run(command, shown=False)
            return output if shows(output) else ""

        output = wait_until(look, what=what, within_seconds=within_seconds, every_seconds=0.5)
        self._show(command, output)
        return output

    def say(self, text: str) -> None:
        """Put a line between the commands of the transcript, as a comment."""
        self.transcript.append(f"# {text}\n")

    def keep(self, path: Path) -> None:
        """Write the transcript to a file."""
        path.write_text("\n".join(self.transcript), encoding="utf-8")

    def _show(self, command: str, output: str) -> None:
        self.transcript.append(f"$ {command.strip()}\n{output}")

    def _environment(self) -> dict[str, str]:
        own = self.kit.folder / "helm"
        return {
            **os.environ,
            "KUBECONFIG": str(self.node.kubeconfig),
            "PATH": os.pathsep.join(
                (*(str(self.kit.programs[name].parent) for name in ("kubectl", "helm")), os.environ["PATH"])
            ),
            "HELM_CACHE_HOME": str(own / "cache"),
            "HELM_CONFIG_HOME": str(own / "config"),
            "HELM_DATA_HOME": str(own / "data"),
        }
