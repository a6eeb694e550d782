"""How long a pool counts as one that is coming up, and since when it has no worker that is ready."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pollwatch.control.metrics import ControlMetrics
from pollwatch.control.pools.names import labels
from pollwatch.control.pools.owned import PODS, STATEFUL_SETS, OwnedObjects
from pollwatch.control.pools.readiness import COMING_UP, IDLE_AFTER, Readiness
from pollwatch.control.pools.registry import Pools
from tests.control.pools.test_registry import pool_document
from tests.support.clock import FakeClock


class Bench:
    """A pool `east` that was made an hour ago."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.pools = Pools(default_pool="default", recompile=lambda _key: None)
        self.owned = OwnedObjects("pollwatch")
        self.readiness = Readiness(self.pools, self.owned, metrics=ControlMetrics(), clock=self.clock)
        self._versions = iter(range(1, 1000))
        self.make_pool("an-hour-ago", age=3600.0)

    def make_pool(self, uid: str, *, age: float) -> None:
        document = pool_document("east", version=next(self._versions))
        document["metadata"] |= {"uid": uid, "creationTimestamp": self._ago(age)}
        self.pools.seen(document)

    def drop_pool(self, uid: str) -> None:
        assert self.pools.gone(next(iter(self.pools.held())), uid=uid)

    def make_workload(self, *, age: float) -> None:
        self.owned[STATEFUL_SETS].seen(self._object("probepool-east-0", age=age))

    def have_pod(self, *, ready: bool) -> None:
        conditions = [{"type": "Ready", "status": str(ready)}]
        pod = self._object("probepool-east-0-0", age=0.0)
        self.owned[PODS].seen(pod | {"spec": {}, "status": {"conditions": conditions}})

    def _ago(self, seconds: float) -> str:
        return datetime.fromtimestamp(self.clock.time() - seconds, UTC).isoformat()

    def _object(self, name: str, *, age: float) -> dict[str, Any]:
        return {
            "metadata": {
                "name": name,
                "uid": name,
                "resourceVersion": str(next(self._versions)),
                "labels": labels("east", 0),
                "creationTimestamp": self._ago(age),
            }
        }

    def look(self, *, after: float = 0.0) -> tuple[bool, bool]:
        """Look after so many seconds; return whether the pool is idle, and whether it is coming up."""
        self.clock.advance(after)
        self.readiness.look()
        held = self.pools.get("east")
        assert held is not None
        return held.idle, held.starting


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_pool_of_which_nothing_was_made_yet_is_coming_up_for_a_while_only(bench: Bench) -> None:
    assert bench.look() == (True, True)
    assert bench.look(after=COMING_UP - 1) == (True, True)
    assert bench.look(after=2) == (True, False)


def test_a_pool_with_a_ready_worker_has_come_up_and_does_not_again_when_that_is_gone(bench: Bench) -> None:
    bench.look()
    bench.have_pod(ready=True)
    assert bench.look(after=1) == (False, False)
    bench.have_pod(ready=False)
    assert bench.look(after=IDLE_AFTER - 1) == (False, False)
    assert bench.look(after=2) == (True, False)


@pytest.mark.parametrize(("age", "starting"), [(COMING_UP - 10.0, True), (COMING_UP + 10.0, False)])
def test_the_next_leader_counts_from_when_the_first_workload_was_made(
    bench: Bench,
    age: float,
    starting: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    bench.make_workload(age=age)
    assert bench.look() == (True, starting)


def test_a_pool_that_is_made_again_comes_up_again(bench: Bench) -> None:
    bench.have_pod(ready=True)
    assert bench.look() == (False, False)
    bench.have_pod(ready=False)
    bench.drop_pool("an-hour-ago")
    bench.readiness.look()
    bench.make_pool("now", age=0.0)
    assert bench.look() == (False, True)
    assert bench.look(after=IDLE_AFTER + 1) == (True, True)
