"""How many probes may start at once, so that no backlog turns into a burst."""

HEADROOM = 2.0
"""A backlog is worked off at this multiple of the rate that the periods ask for."""
SLOWEST = 500.0
"""Starts per second that are always allowed."""
SMALLEST_BATCH = 16
LARGEST_BATCH = 256
"""About 3 ms of the event loop."""
BURST_SECONDS = 0.02
"""How long unused allowance is kept."""


class Pace:
    """A token bucket whose rate follows the load."""

    def __init__(self, now: float) -> None:
        """Start with a full, smallest bucket at `now` (monotonic seconds)."""
        self._tokens = float(SMALLEST_BATCH)
        self._at = now

    def allowance(self, now: float, rate: float) -> int:
        """Give how many may start now.

        Args:
            now: Monotonic seconds, not before those of the last call.
            rate: Starts per second that the timetable asks for.
        """
        fastest = max(SLOWEST, HEADROOM * rate)
        bucket = min(LARGEST_BATCH, max(SMALLEST_BATCH, fastest * BURST_SECONDS))
        self._tokens = min(bucket, self._tokens + (now - self._at) * fastest)
        self._at = now
        return int(self._tokens)

    def spend(self, starts: int) -> None:
        """Take what was started out of the allowance."""
        self._tokens -= starts
