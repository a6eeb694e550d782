"""The Checks of one plan, kept in order while they change: one more costs no sort of them all."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pollwatch.plan.checks import CheckKey, CheckPlan, Plan
from pollwatch.plan.egress import UNRESTRICTED, EgressPolicy

Changes = Mapping[CheckKey, CheckPlan | None]
"""Checks that are new or other than they were; `None`: not to be probed any more."""

_FEW = 100
"""New keys up to which each is put in its place; for more, sorting them all is cheaper."""


class PlanBook:
    """The Checks of one plan. Belongs to one event loop."""

    def __init__(self, egress: EgressPolicy = UNRESTRICTED) -> None:
        self.egress = egress
        """What the plan allows to connect to."""
        self.host_rate: float | None = None
        """Probes a second to one host that are the worker's share; `None`: nobody said."""
        self._plan: Plan | None = None
        """As it was when it was asked for last; `None`: Checks changed since."""
        self._checks: dict[CheckKey, CheckPlan] = {}
        self._keys: list[CheckKey] = []
        """Of all Checks, sorted."""
        self._sorted: list[CheckPlan] = []
        """All Checks, in that order."""

    def __len__(self) -> int:
        """Count the Checks."""
        return len(self._checks)

    def __contains__(self, key: CheckKey) -> bool:
        """Tell whether a Check is in the plan."""
        return key in self._checks

    def get(self, key: CheckKey) -> CheckPlan | None:
        """Return a Check; `None` when it is not in the plan."""
        return self._checks.get(key)

    def checks(self) -> Iterable[CheckPlan]:
        """Give all Checks, in no particular order."""
        return self._checks.values()

    def update(self, changes: Changes) -> bool:
        """Take in changes; return whether they changed anything."""
        changed = False
        added: list[CheckPlan] = []
        for key, check in changes.items():
            before = self._checks.get(key)
            if before is check:
                continue
            changed = True
            self._plan = None
            if check is None:
                del self._checks[key]
                place = bisect_left(self._keys, key)
                del self._keys[place], self._sorted[place]
                continue
            self._checks[key] = check
            if before is None:
                added.append(check)
            else:
                self._sorted[bisect_left(self._keys, key)] = check
        if len(added) > _FEW:
            self._keys = sorted(self._checks)
            self._sorted = list(map(self._checks.__getitem__, self._keys))
        else:
            for check in added:
                place = bisect_left(self._keys, check.key)
                self._keys.insert(place, check.key)
                self._sorted.insert(place, check)
        return changed

    def plan(self) -> Plan:
        """Return the plan as it is now; while nothing changes, the same object."""
        if self._plan is None:
            self._plan = Plan(checks=tuple(self._sorted), egress=self.egress, host_rate=self.host_rate)
        elif self._plan.egress is not self.egress or self._plan.host_rate != self.host_rate:
            self._plan = replace(self._plan, egress=self.egress, host_rate=self.host_rate)
        return self._plan
