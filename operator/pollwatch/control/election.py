"""One leader among the operators, by a Lease."""

from collections.abc import Callable, Coroutine
from typing import Any

from pollwatch.control.credentials import Credentials
from pollwatch.control.metrics import ControlMetrics
from pollwatch.plan.clock import Clock


class Election:
    """Takes part in the election, and runs what only the leader may do while it is that."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        namespace: str,
        identity: str,
        metrics: ControlMetrics,
        clock: Clock,
    ) -> None:
        """Wire it.

        Args:
            credentials: the way to the API server. The election has connections of its own.
            namespace: where the Lease is.
            identity: who we are, for people: the name of the Pod or host; it is made unique.
            metrics: shows who leads.
            clock: now.
        """
        raise NotImplementedError

    @property
    def leading(self) -> bool:
        """Whether we are the leader at this moment, also by the clock.

        Asked right before a write: a process that stood still for longer than its Lease (SIGSTOP,
        a loop that was held) is told no before anybody has found time to cancel what it does.
        """
        raise NotImplementedError

    async def run(self, lead: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Be a follower until the Lease is ours, lead until it is lost, and so on, for ever.

        `lead` is cancelled when the Lease is lost or could not be renewed in time; it is not
        waited for longer than it needs to end. When this is cancelled, or `lead` returns or
        fails, the Lease is released, so that another operator takes over at once.
        """
        raise NotImplementedError
