"""Until when a Check may keep the verdict that it has from a pool of which nothing is heard."""

import math
from collections.abc import Collection, Mapping

from pollwatch.plan.checks import CheckKey


class Patience:
    """Who is waited for, by Check and pool; all times in monotonic seconds, infinite: without an end yet."""

    def __init__(self) -> None:
        """Wait for nobody."""
        self._until: dict[CheckKey, dict[str, float]] = {}

    def clear(self) -> None:
        """Wait for nobody any more."""
        self._until.clear()

    def wait(self, key: CheckKey, pool: str, *, until: float) -> None:
        """Wait for a pool, from now on until then."""
        self._until.setdefault(key, {})[pool] = until

    def end(self, key: CheckKey, pool: str) -> None:
        """Wait no longer for a pool."""
        waits = self._until.get(key, {})
        if waits.pop(pool, None) is not None and not waits:
            del self._until[key]

    def forget(self, key: CheckKey) -> None:
        """Wait no longer for any pool of a Check."""
        self._until.pop(key, None)

    def move_to(self, key: CheckKey, pools: Collection[str]) -> None:
        """Wait no longer for any pool of a Check but these."""
        for pool in self.of_check(key).keys() - set(pools):
            self.end(key, pool)

    def of_check(self, key: CheckKey) -> Mapping[str, float]:
        """Give the pools of a Check that are waited for, and until when."""
        return self._until.get(key, {})

    def is_endless(self, key: CheckKey, pool: str) -> bool:
        """Whether a pool is waited for without an end."""
        return self.of_check(key).get(pool) == math.inf

    def over(self, now: float) -> list[tuple[CheckKey, list[str]]]:
        """Give the Checks, and their pools, that have been waited for long enough."""
        return [
            (key, [pool for pool, until in waits.items() if until <= now])
            for key, waits in self._until.items()
            if min(waits.values()) <= now
        ]
