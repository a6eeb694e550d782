"""A worker, as the operator reaches it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from pollwatch.control.metrics import ControlMetrics
from pollwatch.plan.clock import Clock
from pollwatch.worker.keys import Keys, key_identity

RETRY_BASE, RETRY_LIMIT = 0.2, 5.0
"""Seconds before the first try after a failure, doubled for each that fails, and before any of them."""

LOOK_FOR_ADDRESS = 0.5
"""Seconds between looks for the address of a worker that has none yet."""

PATIENCE = 10.0
"""Seconds without an answer before that is told: a worker that is started anew takes a few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One worker."""

    pool: str
    worker: str
    """Its name in the plan."""
    address: Callable[[], str | None]
    """Where it is now, `http://HOST:PORT`; `None`: nowhere yet."""
    keys: Callable[[], Keys]
    """What it should accept, newest first."""
    client: httpx.AsyncClient
    metrics: ControlMetrics
    clock: Clock
    random: Callable[[], float]
    """Numbers in [0, 1)."""

    def delay(self, failures: int) -> float:
        """Give the seconds to wait after so many failures in a row, with jitter."""
        step = min(RETRY_LIMIT, RETRY_BASE * 2.0 ** min(failures - 1, 16))
        return step * (0.5 + 0.5 * self.random())


def by_acceptance(keys: Sequence[str], accepted: Sequence[str]) -> list[str]:
    """Order keys: those that a worker says it accepts come first, of these the newest.

    Args:
        keys: newest first.
        accepted: identities, as the worker reports them.
    """
    return sorted(keys, key=lambda key: key_identity(key) not in accepted)
