"""The operator as users run it: a process of its own, under its own service account."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.cluster.process import Program
from tests.cluster.waiting import wait_until
from tests.control.pool_stage import SYSTEM_NAMESPACE, WORKER_IMAGE

POLLWATCH = Path(sys.executable).with_name("pollwatch")

EMBEDDED = ("--embedded", "--allow-egress=127.0.0.0/8")
POOLED = (f"--system-namespace={SYSTEM_NAMESPACE}", f"--worker-image={WORKER_IMAGE}")
"""How an operator is started that has its workers in pools."""

CHECKS = "/apis/pollwatch.dev/v1alpha1"


class RunningOperator:
    """An operator process and what it shows."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.url = str(wait_until(self._started, what="the operator to start", within_seconds=60))

    def _started(self) -> str | None:
        if self._program.exit_code() is not None:
            raise AssertionError(f"the operator ended: {self.log}")
        for entry in self.entries("operator started"):
            return str(entry["url"])
        return None

    @property
    def pid(self) -> int:
        return self._program.pid

    @property
    def log(self) -> str:
        return self._program.log.read_text(encoding="utf-8")

    def entries(self, event: str) -> list[dict[str, Any]]:
        """The log entries with a message."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def is_ready(self) -> bool:
        return httpx.get(f"{self.url}/readyz", timeout=30.0).is_success

    def metrics(self) -> str:
        return httpx.get(f"{self.url}/metrics", timeout=30.0).raise_for_status().text

    def series(self, prefix: str, *labels: str) -> dict[str, float]:
        """The series whose name begins so and that carry these labels, written `name="value"`."""
        found = {}
        for line in self.metrics().splitlines():
            name, _, value = line.rpartition(" ")
            if line.startswith(prefix) and all(label in name for label in labels):
                found[name] = float(value)
        return found

    def leads(self) -> bool:
        """Whether it is the leader, as its metrics say; not while it is gone."""
        try:
            return self.series("pollwatch_operator_leader").get("pollwatch_operator_leader") == 1.0
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._program.kill()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The process stands still (SIGSTOP) inside the `with` block."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> int:
        """Send SIGTERM, and return the exit code."""
        return self._program.stop(grace_seconds=60)


@contextmanager
def running_operator(
    kubeconfig: Path,
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    mode: Sequence[str] = EMBEDDED,
) -> Iterator[RunningOperator]:
    """An operator that is ready, for the time of the block; its log is `operator.log` in the folder."""
    program = Program(
        "operator",
        [POLLWATCH, "operator", *mode, "--listen=127.0.0.1:0", f"--kubeconfig={kubeconfig}", *arguments],
        log=folder / "operator.log",
        environment=environment,
    )
    try:
        operator = RunningOperator(program)
        wait_until(operator.is_ready, what="the operator to be ready", within_seconds=60)
        yield operator
    finally:
        program.stop()
