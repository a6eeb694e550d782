"""Run a command in network, mount and process namespaces of its own.

The kernel cleans up: when the first process of a process namespace ends, however it ends, all
others in it are killed, reparented ones (containerd's shims, containers) too; with the last of them
go the mounts and the network. That first process is tied to the one that waits here, so that
`kill -9` of any of them leaves no process, no mount and no link behind.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

_ISOLATED = (
    # Without it, unshare would live on when this process is killed.
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--net", "--mount", "--propagation", "private"),
    *("--pid", "--fork", "--kill-child=KILL", "--mount-proc"),
)


def run_isolated(command: Sequence[str | Path], *, environment: Mapping[str, str]) -> int:
    """Run a command as root, and return its exit code when nothing of it is left.

    Ctrl-C is left to the command, which gets it from the terminal as well. SIGTERM ends it at once.
    The calling thread must be the main one, and live until then: the death signal is tied to it.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("run_isolated is for the main thread")
    with _signals_handled() as terminated:
        process = subprocess.Popen([*_ISOLATED, *command], env=dict(environment))
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(0.2)
            if terminated.is_set():
                process.kill()


@contextlib.contextmanager
def _signals_handled() -> Iterator[threading.Event]:
    terminated = threading.Event()

    def terminate(_number: int, _frame: FrameType | None) -> None:
        terminated.set()

    def leave_to_the_command(_number: int, _frame: FrameType | None) -> None:
        pass

    # Not SIG_IGN: the command would inherit that.
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, leave_to_the_command),
        signal.SIGTERM: signal.signal(signal.SIGTERM, terminate),
        signal.SIGHUP: signal.signal(signal.SIGHUP, terminate),
    }
    try:
        yield terminated
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
