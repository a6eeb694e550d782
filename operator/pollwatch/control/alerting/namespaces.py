"""What is known of the rules of one namespace: who is in which object, and what became of it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from pollwatch.control.alerting.apis import RuleApi
from pollwatch.control.alerting.keeper import ObjectKey
from pollwatch.control.alerting.layout import shard_of_check, shards_needed
from pollwatch.control.cluster import Resource
from pollwatch.control.follower import ObjectName


class Version(NamedTuple):
    """One generation of one Check."""

    uid: str
    generation: int


@dataclass(slots=True)
class Shard:
    """The Checks that share an object."""

    checks: set[str] = field(default_factory=set)
    """Names of all of them."""
    stale: bool = True
    """Whether it has to be rendered."""
    rules: int = 0
    """How many there are in it."""
    rendered: dict[str, Version] = field(default_factory=dict)
    """The Checks with rules in it, by name."""
    faults: dict[str, str] = field(default_factory=dict)
    """What is wrong with what those Checks say of alerts, by name of the Check."""
    objects: dict[RuleApi, tuple[ObjectKey, ...]] = field(default_factory=dict)
    """What was made of it."""
    refused: dict[RuleApi, str] = field(default_factory=dict)
    """Why it could not be."""
    told: str = ""
    """The trouble that the log was told of last."""


@dataclass(slots=True)
class NamespaceRules:
    """The Checks of a namespace, spread over objects."""

    shards: list[Shard] = field(default_factory=lambda: [Shard()])
    least: int = 1
    """Shards that are needed for the size of what is in them."""
    unseen: set[str] = field(default_factory=set)
    """Checks that are new or changed since it was said of all others that nothing renders them."""
    touched_at: float = 0.0
    """When something changed that was not looked at yet, monotonic seconds."""
    attended_at: float = 0.0
    """When it was looked at last, monotonic seconds."""
    failing: bool = False
    """Whether that did not come to an end."""
    left: str = ""
    """Why something that is not wanted is still there, as the log was told last."""

    def __len__(self) -> int:
        """Count the Checks."""
        return sum(len(shard.checks) for shard in self.shards)

    def add(self, check: str) -> None:
        """Have a Check rendered that is new or changed."""
        shard = self.shard_of(check)
        shard.checks.add(check)
        shard.stale = True
        self.unseen.add(check)

    def discard(self, check: str) -> None:
        """Drop a Check that is gone."""
        shard = self.shard_of(check)
        shard.checks.discard(check)
        shard.stale = True
        self.unseen.discard(check)

    def holding(self, resource: Resource, name: ObjectName) -> list[Shard]:
        """Return the shards of which an object was made."""
        key = resource, name
        return [shard for shard in self.shards if any(key in keys for keys in shard.objects.values())]

    def touch_all(self) -> None:
        """Have all objects rendered anew."""
        for shard in self.shards:
            shard.stale = True
            self.unseen |= shard.checks

    def spread(self, *, held: int = 1) -> None:
        """Spread the Checks over as many shards as are needed.

        Args:
            held: how many shards there are objects of, as far as is known.
        """
        now = max(len(self.shards), held)
        needed = max(self.least, shards_needed(len(self), now=now))
        if needed == len(self.shards):
            return
        checks = [check for shard in self.shards for check in shard.checks]
        self.shards = [Shard() for _ in range(needed)]
        for check in checks:
            self.add(check)

    def grow(self) -> None:
        """Spread the Checks wider: what one shard has to hold is too big for an object."""
        self.least = 2 * len(self.shards)
        self.spread()

    def shard_of(self, check: str) -> Shard:
        """Return the shard that a Check is in."""
        return self.shards[shard_of_check(check, len(self.shards))]
