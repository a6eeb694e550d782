"""The wheel, installed in an environment that holds nothing else, does what the product does."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHECK = """\
apiVersion: pollwatch.dev/v1alpha1
kind: Check
metadata: {{name: release}}
spec:
  http: {{url: "http://127.0.0.1:{port}/"}}
"""


def build(root: Path, folder: Path, uv: str) -> Path:
    """Build the wheel from the source distribution, as PyPI's users get it, and return its path."""
    _run([uv, "build", "--quiet", "--out-dir", str(folder), str(root)])
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, root: Path, folder: Path, uv: str) -> Path:
    """Install it with the versions of the lock file, and return the path of the `pollwatch` command."""
    locked = folder / "locked.txt"
    _run(
        [uv, "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--output-file", str(locked)],
        cwd=root,
    )
    venv = folder / "venv"
    _run([uv, "venv", "--quiet", str(venv)])
    python = venv / "bin" / "python"
    into = [uv, "pip", "install", "--quiet", "--python", str(python)]
    _run([*into, "--require-hashes", "--requirement", str(locked)])
    _run([*into, "--no-deps", str(wheel)])
    return venv / "bin" / "pollwatch"


def version_of(pollwatch: Path) -> str:
    """What `pollwatch --version` ends with."""
    return _run([str(pollwatch), "--version"]).split()[-1]


def probe_a_site(pollwatch: Path, folder: Path) -> str:
    """Have it probe a site on this machine once, and return what it says.

    Raises:
        subprocess.CalledProcessError: The site is not Up, or the command does not run.
    """
    with _site(folder) as port:
        check = folder / "check.yaml"
        check.write_text(_CHECK.format(port=port), encoding="utf-8")
        return _run([str(pollwatch), "run", "--once", str(check)], cwd=folder)


@contextmanager
def _site(folder: Path) -> Iterator[int]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def _run(command: list[str], cwd: Path | None = None) -> str:
    # Nothing of the tree that it is called from: neither its modules nor its environment.
    environment = {name: os.environ[name] for name in os.environ if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return done.stdout
