"""The Checks of one plan, kept in order while they change: one more costs no sort of them all."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping

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
        self._checks: dict[CheckKey, CheckPlan] = {}
        self._keys: list[CheckKey] = []
        """Of all Checks, sorted."""

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
        added: list[CheckKey] = []
        for key, check in changes.items():
            before = self._checks.get(key)
            if before is check:
                continue
            changed = True
            if check is None:
                del self._checks[key]
                self._keys.pop(bisect_left(self._keys, key))
                continue
            if before is None:
                added.append(key)
            self._checks[key] = check
        if len(added) > _FEW:
            self._keys = sorted(self._checks)
        else:
            for key in added:
                insort(self._keys, key)
        return changed

    def plan(self) -> Plan:
        """Return the plan as it is now."""
        return Plan(checks=tuple(map(self._checks.__getitem__, self._keys)), egress=self.egress)
