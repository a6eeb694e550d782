"""Runs `benchmarks.subject`, and the site that it probes, as processes beside this one."""

import json
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.engine import serve
from benchmarks.subject import Figures, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is probed: 2 KiB for every request, over TLS with an ECDSA P-256 certificate."""

    http: str
    https: str
    ca_file: Path


@contextmanager
def serving() -> Iterator[Site]:
    """Serve the site from another process."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    process.start()
    served = here.recv()
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder, "ca.pem")
        ca_file.write_text(served.ca_pem, encoding="ascii")
        try:
            yield Site(
                http=f"http://127.0.0.1:{served.http}/",
                https=f"https://127.0.0.1:{served.https}/",
                ca_file=ca_file,
            )
        finally:
            process.terminate()
            process.join()


@contextmanager
def working(order: Order) -> Iterator[subprocess.Popen[str]]:
    """A worker that carries out an order while the block runs; `figures` waits for its end."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.subject"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        if worker.stdin is None:
            raise AssertionError("it was opened with a pipe")
        json.dump(asdict(order), worker.stdin)
        worker.stdin.close()
        yield worker


def figures(worker: subprocess.Popen[str]) -> Figures:
    """What a worker reports when it has run for its time.

    Raises:
        RuntimeError: it ended without a report, or probes failed.
    """
    if worker.stdout is None:
        raise AssertionError("it was opened with a pipe")
    report = worker.stdout.read()
    if worker.wait() != 0:
        raise RuntimeError(f"the worker ended with exit code {worker.returncode}")
    found = Figures(**json.loads(report))
    if found.failures:
        raise RuntimeError(f"{found.failures} of {found.probes} probes failed: nothing was measured")
    return found
