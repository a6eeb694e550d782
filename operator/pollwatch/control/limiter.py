"""A token bucket: how fast, and how much at once."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

from pollwatch.plan.clock import Clock


class TokenBucket:
    """Lets `rate` through a second, and `burst` at once.

    Waiting callers are served in the order in which they came: each takes its place
    (a debt of one token) at once and sleeps until that is paid.
    """

    def __init__(self, *, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._updated = clock.monotonic()

    def try_take(self) -> bool:
        """Take a token if one is there."""
        self._refill()
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def reserve(self, tokens: float = 1.0) -> float:
        """Take tokens now or ahead of time; return the seconds to wait before they may be used."""
        self._refill()
        self._tokens -= tokens
        return max(0.0, -self._tokens / self._rate)

    def pause(self, seconds: float) -> None:
        """Let nothing through for that long: somebody (HTTP 429) asked us to wait."""
        self._refill()
        self._tokens = min(self._tokens, -seconds * self._rate)

    def wait(self) -> float:
        """Return the seconds until a token is there; 0 when one is."""
        self._refill()
        return max(0.0, (1.0 - self._tokens) / self._rate)

    async def take(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Wait for a token."""
        delay = self.reserve()
        if delay > 0.0:
            await sleep(delay)

    def _refill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        self._updated = now


class Budgets:
    """A token bucket for each of many; of too many, those that were used least lately are forgotten."""

    def __init__(self, *, rate: float, burst: float, most: int, clock: Clock) -> None:
        """Begin with full buckets for all.

        Args:
            rate: see `TokenBucket`.
            burst: see `TokenBucket`.
            most: how many are remembered; one that is forgotten is full again.
            clock: now.
        """
        self._rate = rate
        self._burst = burst
        self._most = most
        self._clock = clock
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def of(self, owner: Hashable) -> TokenBucket:
        """Return the bucket of one of them."""
        bucket = self._buckets.pop(owner, None)
        if bucket is None:
            bucket = TokenBucket(rate=self._rate, burst=self._burst, clock=self._clock)
            if len(self._buckets) >= self._most:
                self._buckets.popitem(last=False)
        self._buckets[owner] = bucket
        return bucket
