"""What becomes of findings: one status, and one Event for each turn, whoever leads, whatever is replayed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pollwatch.api.conditions import AcceptedReason, ReadyReason
from pollwatch.control.conditions import rfc3339_micro
from pollwatch.control.data_plane import Found
from pollwatch.control.report import FIRST_VERDICT, GRACE, REPEATED, SETTLE, SUSPENSE, Reporter
from pollwatch.control.status import Admission, CheckStatus
from pollwatch.control.store import Store
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.samples import Reason
from pollwatch.plan.states import CheckState, Verdict
from tests.control.documents import ACCEPTED, REJECTED, check_document
from tests.support.clock import FakeClock
from tests.support.plans import make_check

if TYPE_CHECKING:
    from pollwatch.control.news import News

UP, DEGRADED, DOWN, UNKNOWN = Verdict.UP, Verdict.DEGRADED, Verdict.DOWN, Verdict.UNKNOWN

KEY = CheckKey("public-sites", "front-page")
PLAN = make_check("front-page")
UID = "uid-of-front-page"
EAST = frozenset({"east"})
EXPECTED = PLAN.period + PLAN.timeout + GRACE

SUSPENDED = replace(ACCEPTED, ready=ReadyReason.SUSPENDED)
IDLE = replace(ACCEPTED, ready=ReadyReason.POOL_NOT_READY)


class Findings:
    """A data plane that has found what the test says."""

    def __init__(self) -> None:
        self.waiting: list[Found] = []

    def apply(self, changes: object) -> None:
        """Nothing is probed."""

    async def wait(self) -> None:
        """Never asked."""

    def take(self) -> Sequence[Found]:
        taken, self.waiting = self.waiting, []
        return taken


class Kubernetes:
    """What the API server holds: it outlives operators. Events of one name are one."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.status: CheckStatus | None = None
        self.version = 1
        self.events: dict[str, News] = {}

    @property
    def told(self) -> list[str]:
        return [event.reason for event in sorted(self.events.values(), key=lambda one: one.since)]


class Operator:
    """The parts of an operator that report, without their tasks."""

    def __init__(
        self,
        kubernetes: Kubernetes,
        *,
        pools: tuple[str, ...] = ("east",),
        quorum: int = 1,
        starting: frozenset[str] = frozenset(),
    ) -> None:
        self.kubernetes = kubernetes
        self.clock = kubernetes.clock
        self.data_plane = Findings()
        self.store = Store()
        self.posts = 0
        self.writes = 0
        self.away = False
        """Whether the API server is."""
        self._news: list[News] = []
        self.reporter = Reporter(
            store=self.store,
            data_plane=self.data_plane,
            offer=lambda _: None,
            tell=self._news.append,
            repeat=self._news.append,
            clock=self.clock,
        )
        self.pools, self.quorum = pools, quorum
        self.rate: float | None = None
        self.starting: frozenset[str] = starting
        self._watch()
        self.decide()
        self.reporter.begin()

    def _watch(self) -> None:
        held = self.kubernetes.status
        document = held.document() if held is not None else None
        self.store.observe_check(check_document(version=self.kubernetes.version, status=document))

    def decide(self, admission: Admission = ACCEPTED, *, anew: bool = True) -> None:
        plan = PLAN if anew and admission.planned else None
        pools = self.pools if admission.planned else ()
        self.reporter.decided(
            KEY,
            UID,
            admission,
            plan,
            pools=pools,
            quorum=self.quorum,
            rate=self.rate,
            starting=self.starting,
        )

    async def find(self, *found: Found) -> None:
        self.data_plane.waiting += found
        await self.reporter.catch_up()
        self.work()

    def work(self) -> None:
        """Write and post what is due, if the API server is there."""
        if self.away:
            return
        while (write := self.reporter.due(KEY)) is not None:
            self.kubernetes.status = write.after
            self.kubernetes.version += 1
            self.writes += 1
            self._watch()
            self.reporter.written(KEY, write)
        for news in self._news:
            self.posts += 1
            self.kubernetes.events.setdefault(news.name, news)
        self._news.clear()

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.reporter.sweep_once()
        self.work()

    @property
    def status(self) -> CheckStatus:
        assert self.kubernetes.status is not None
        return self.kubernetes.status


def state(verdict: Verdict, at: float, *, previous: Verdict = UNKNOWN, total: int = 1) -> CheckState:
    failed = verdict in (DOWN, DEGRADED)
    return CheckState(
        key=KEY,
        uid=UID,
        generation=1,
        verdict=verdict,
        previous=previous,
        since=at,
        at=at,
        total=total,
        up=total if verdict is UP else 0,
        reason=Reason.UNEXPECTED_STATUS if failed else None,
        address="192.0.2.1" if failed else "",
        evidence="status 500" if failed else "",
    )


def one(verdict: Verdict, at: float, *, pool: str = "east", previous: Verdict = UNKNOWN) -> Found:
    return Found(pool=pool, state=state(verdict, at, previous=previous))


def page(*states: CheckState, pool: str = "east") -> list[Found]:
    """What a worker tells at once: all but the last state are history."""
    return [Found(pool=pool, state=one, history=one is not states[-1]) for one in states]


@pytest.fixture
def kubernetes() -> Kubernetes:
    return Kubernetes(FakeClock())


async def test_a_new_check_gets_its_first_status_with_its_first_verdict(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    operator.work()
    assert operator.writes == 0
    await operator.find(one(UP, kubernetes.clock.time()))
    assert (operator.writes, operator.status.verdict, kubernetes.told) == (1, UP, [])


async def test_a_new_check_without_a_verdict_gets_a_status_after_a_while(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    operator.decide()
    operator.pass_time(max(FIRST_VERDICT, EXPECTED) + 1)
    assert (operator.writes, operator.status.verdict) == (1, UNKNOWN)


async def test_each_turn_is_told_once_also_those_that_no_status_showed(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(UP, now))
    await operator.find(*page(state(DOWN, now + 1, previous=UP), state(UP, now + 2, previous=DOWN)))
    assert kubernetes.told == ["Down", "Up"]
    assert operator.status.verdict is UP
    assert operator.status.last_transition_time == rfc3339_micro(now + 2)


async def test_turns_while_the_api_server_is_away_all_get_their_event_and_the_status_is_right(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(UP, now))
    operator.away = True
    await operator.find(one(DOWN, now + 60, previous=UP))
    await operator.find(one(UP, now + 120, previous=DOWN))
    await operator.find(one(DOWN, now + 180, previous=UP))
    operator.away = False
    operator.work()
    assert kubernetes.told == ["Down", "Up", "Down"]
    assert (operator.status.verdict, operator.writes) == (DOWN, 2)


async def test_a_leader_that_takes_over_tells_what_happened_meanwhile_and_nothing_twice(
    kubernetes: Kubernetes,
) -> None:
    now = kubernetes.clock.time()
    first = Operator(kubernetes)
    seen = [state(UP, now), state(DOWN, now + 5, previous=UP)]
    for found in seen:
        await first.find(Found(pool="east", state=found))
    assert kubernetes.told == ["Down"]
    second = Operator(kubernetes)
    missed = [state(UP, now + 8, previous=DOWN), state(DOWN, now + 9, previous=UP)]
    await second.find(*page(*seen, *missed))
    assert kubernetes.told == ["Down", "Up", "Down"]
    assert second.status.last_transition_time == rfc3339_micro(now + 9)
    third = Operator(kubernetes)
    await third.find(*page(*seen, *missed))
    third.pass_time(EXPECTED + 1)
    assert kubernetes.told == ["Down", "Up", "Down"]
    assert third.writes == 0


async def test_an_event_that_was_lost_with_the_leader_is_told_by_the_next(kubernetes: Kubernetes) -> None:
    now = kubernetes.clock.time()
    first = Operator(kubernetes)
    seen = [state(UP, now), state(DOWN, now + 5, previous=UP), state(UP, now + 6, previous=DOWN)]
    await first.find(*page(*seen))
    kubernetes.events.clear()
    second = Operator(kubernetes)
    await second.find(*page(*seen))
    assert kubernetes.told == ["Down", "Up"]
    kubernetes.events.clear()
    kubernetes.clock.advance(REPEATED + 60)
    third = Operator(kubernetes)
    await third.find(*page(*seen))
    # The API server forgets Events after an hour: what is old is not told again.
    assert kubernetes.told == []


async def test_a_turn_that_two_workers_saw_while_the_check_moved_is_told_once(
    kubernetes: Kubernetes,
) -> None:
    operator, begin = Operator(kubernetes), kubernetes.clock.time()
    await operator.find(one(UP, begin))
    await operator.find(one(DOWN, begin + 5, previous=UP))
    # The worker that has the Check now saw it a moment before the one that had it.
    after = Operator(kubernetes)
    await after.find(*page(state(UP, begin + 3), state(DOWN, begin + 4, previous=UP)))
    assert kubernetes.told == ["Down"]


async def test_an_operator_that_restarts_with_its_worker_changes_nothing(kubernetes: Kubernetes) -> None:
    """Embedded, the feed dies with the operator: the first verdict of the next is no turn."""
    now = kubernetes.clock.time()
    await Operator(kubernetes).find(one(DOWN, now))
    before = kubernetes.status
    second = Operator(kubernetes)
    second.work()
    assert second.writes == 0
    await second.find(one(DOWN, now + 30))
    assert (second.writes, kubernetes.status, kubernetes.told) == (0, before, ["Down"])
    await second.find(one(UP, now + 40, previous=DOWN))
    assert kubernetes.told == ["Down", "Up"]


async def test_a_check_that_a_pool_slows_has_as_much_more_time_before_it_is_unknown(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes)
    operator.rate = 1.0 / (4.0 * PLAN.period)
    operator.decide(anew=False)
    now = kubernetes.clock.time()
    await operator.find(one(DOWN, now))
    await operator.find(one(UNKNOWN, now + 10))
    operator.pass_time(EXPECTED + 3.0 * PLAN.period - 1.0)
    assert operator.status.verdict is DOWN
    operator.pass_time(2.0)
    assert operator.status.verdict is UNKNOWN


async def test_a_worker_that_was_started_anew_has_a_little_time_before_its_checks_are_unknown(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(DOWN, now))
    await operator.find(one(UNKNOWN, now + 10))
    operator.pass_time(EXPECTED - 1)
    assert (operator.status.verdict, operator.writes) == (DOWN, 1)
    await operator.find(one(DOWN, kubernetes.clock.time()))
    operator.pass_time(EXPECTED + 1)
    assert (operator.status.verdict, operator.writes) == (DOWN, 1)
    await operator.find(one(UNKNOWN, kubernetes.clock.time()))
    operator.pass_time(EXPECTED + 1)
    assert operator.status.verdict is UNKNOWN
    assert kubernetes.told == ["Down", "Unknown"]


async def test_the_end_of_a_silence_is_told_under_the_name_that_the_outage_had(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(DOWN, now))
    await operator.find(one(UNKNOWN, now + 10))
    operator.pass_time(EXPECTED + 1)
    await operator.find(one(DOWN, now))
    assert operator.status.verdict is DOWN
    assert operator.status.last_transition_time == rfc3339_micro(now)
    assert kubernetes.told == ["Down", "Unknown"]


async def test_only_the_pools_of_a_check_have_a_say_in_it(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(UP, now), one(DOWN, now, pool="west"))
    assert operator.status.verdict is UP


async def test_a_check_that_moves_to_another_pool_keeps_its_verdict_until_that_has_one(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(DOWN, now))
    operator.pools = ("west",)
    operator.decide()
    operator.work()
    await operator.find(one(UP, now + 1))
    assert operator.status.verdict is DOWN
    await operator.find(one(UP, now + 2, pool="west"))
    assert operator.status.verdict is UP
    assert kubernetes.told == ["Down", "Up"]


async def test_a_check_whose_pool_has_no_worker_keeps_its_verdict_for_a_while_only(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes)
    await operator.find(one(UP, kubernetes.clock.time()))
    operator.decide(IDLE, anew=False)
    operator.work()
    assert operator.status.verdict is UP
    assert operator.status.conditions[1].reason == "PoolNotReady"
    operator.pass_time(EXPECTED + 1)
    assert operator.status.verdict is UNKNOWN


async def test_a_check_keeps_verdict_and_time_while_its_pool_comes_up_and_finds_the_same(
    kubernetes: Kubernetes,
) -> None:
    now = kubernetes.clock.time()
    await Operator(kubernetes, pools=("embedded",)).find(one(UP, now, pool="embedded"))
    operator = Operator(kubernetes)
    operator.pass_time(2)
    operator.starting = EAST
    operator.decide(anew=False)
    operator.pass_time(3 * EXPECTED)
    operator.decide(IDLE, anew=False)
    operator.pass_time(3 * EXPECTED)
    assert operator.status.standing == (UP, rfc3339_micro(now))
    assert operator.status.conditions[1].reason == "PoolNotReady"
    operator.starting = frozenset()
    operator.decide(anew=False)
    operator.pass_time(EXPECTED - 1)
    await operator.find(one(UP, kubernetes.clock.time()))
    operator.pass_time(EXPECTED)
    assert operator.status.standing == (UP, rfc3339_micro(now))
    assert kubernetes.told == []


async def test_what_a_pool_that_has_come_up_finds_otherwise_is_one_turn(kubernetes: Kubernetes) -> None:
    await Operator(kubernetes).find(one(UP, kubernetes.clock.time()))
    operator = Operator(kubernetes, starting=EAST)
    operator.pass_time(3 * EXPECTED)
    found_at = kubernetes.clock.time()
    await operator.find(one(DOWN, found_at))
    assert operator.status.standing == (DOWN, rfc3339_micro(found_at))
    assert kubernetes.told == ["Down"]


@pytest.mark.parametrize("admission", [ACCEPTED, IDLE], ids=["its worker is silent", "it has no worker"])
async def test_a_pool_that_does_not_come_up_in_time_leaves_its_checks_unknown(
    kubernetes: Kubernetes, admission: Admission
) -> None:
    await Operator(kubernetes).find(one(UP, kubernetes.clock.time()))
    operator = Operator(kubernetes, starting=EAST)
    operator.starting = frozenset()
    operator.decide(admission, anew=False)
    operator.pass_time(EXPECTED - 1)
    assert operator.status.verdict is UP
    operator.pass_time(2)
    assert operator.status.verdict is UNKNOWN


async def test_a_pool_of_which_something_was_heard_is_not_coming_up(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes, starting=EAST)
    now = kubernetes.clock.time()
    await operator.find(one(UP, now))
    await operator.find(one(UNKNOWN, now + 1))
    operator.pass_time(EXPECTED + 1)
    assert operator.status.verdict is UNKNOWN


async def test_a_worker_that_was_heard_before_it_was_ready_and_is_gone_leaves_its_checks_unknown(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes, starting=EAST)
    await operator.find(one(UP, kubernetes.clock.time()))
    operator.decide(IDLE, anew=False)
    operator.starting = frozenset()
    operator.decide(IDLE, anew=False)
    operator.pass_time(EXPECTED + 1)
    assert operator.status.verdict is UNKNOWN


async def test_a_check_that_is_new_gets_a_status_although_its_pool_is_coming_up(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes, starting=EAST)
    operator.pass_time(EXPECTED + 1)
    assert (operator.status.verdict, operator.writes) == (UNKNOWN, 1)


async def test_a_check_that_leaves_the_plan_for_a_moment_is_the_same_to_its_worker(
    kubernetes: Kubernetes,
) -> None:
    """The data plane is told of the outcome only: it noticed nothing, and has nothing to say."""
    operator = Operator(kubernetes)
    await operator.find(one(UP, kubernetes.clock.time()))
    operator.decide(REJECTED)
    operator.work()
    assert operator.status.verdict is UNKNOWN
    kubernetes.clock.advance(SUSPENSE - 1)
    operator.decide()
    operator.work()
    assert operator.status.verdict is UP


async def test_a_check_that_was_suspended_for_long_starts_from_nothing(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    await operator.find(one(UP, kubernetes.clock.time()))
    operator.decide(SUSPENDED)
    operator.work()
    kubernetes.clock.advance(SUSPENSE + 1)
    operator.decide()
    operator.work()
    assert operator.status.verdict is UNKNOWN


async def test_a_check_whose_pool_is_gone_keeps_its_verdict(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    await operator.find(one(DOWN, kubernetes.clock.time()))
    operator.decide(replace(REJECTED, accepted=AcceptedReason.POOL_NOT_FOUND))
    operator.pass_time(3600.0)
    assert operator.status.verdict is DOWN
    assert operator.status.conditions[0].reason == "PoolNotFound"


async def test_a_clock_that_was_set_back_hides_no_outage(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    await operator.find(one(UP, now))
    await operator.find(one(DOWN, now - 3600, previous=UP))
    assert (operator.status.verdict, kubernetes.told) == (DOWN, ["Down"])
    second = Operator(kubernetes)
    await second.find(one(UP, now - 3500, previous=DOWN))
    assert (second.status.verdict, kubernetes.told) == (UP, ["Down", "Up"])


async def test_a_status_that_somebody_spoilt_is_mended_and_that_is_no_turn(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    await operator.find(one(UP, kubernetes.clock.time()))
    right = operator.status
    kubernetes.status = replace(right, verdict=DOWN, up=0)
    kubernetes.version += 1
    operator._watch()
    operator.work()
    assert (operator.status, kubernetes.told) == (right, [])


# Several pools


async def test_with_several_pools_the_verdict_is_over_locations(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes, pools=("east", "west"), quorum=2)
    now = kubernetes.clock.time()
    await operator.find(one(UP, now), one(UP, now, pool="west"))
    assert operator.status.verdict is UP
    await operator.find(one(DOWN, now + 1))
    assert operator.status.verdict is DEGRADED
    assert operator.status.message == "fails from east only (2 locations): status 500"
    await operator.find(one(DOWN, now + 2, pool="west"))
    assert operator.status.verdict is DOWN
    await operator.find(one(UP, now + 3))
    await operator.find(one(UP, now + 4, pool="west"))
    assert kubernetes.told == ["Degraded", "Down", "Degraded", "Up"]
    assert [(where.pool, where.verdict, where.since) for where in operator.status.locations] == [
        ("east", UP, rfc3339_micro(now + 3)),
        ("west", UP, rfc3339_micro(now + 4)),
    ]


async def test_pools_that_find_what_one_found_before_keep_the_time_of_that(kubernetes: Kubernetes) -> None:
    now = kubernetes.clock.time()
    await Operator(kubernetes).find(one(DOWN, now))
    operator = Operator(kubernetes, pools=("east", "west"), quorum=2)
    await operator.find(one(DOWN, now + 60), one(DOWN, now + 60, pool="west"))
    assert operator.status.standing == (DOWN, rfc3339_micro(now))
    assert kubernetes.told == ["Down"]


async def test_a_pool_that_stays_silent_does_not_keep_the_others_from_having_a_say(
    kubernetes: Kubernetes,
) -> None:
    operator = Operator(kubernetes, pools=("east", "west"), quorum=2)
    now = kubernetes.clock.time()
    await operator.find(one(DOWN, now))
    assert operator.writes == 0
    operator.pass_time(SETTLE + 1)
    assert operator.status.verdict is DEGRADED
    assert [where.verdict for where in operator.status.locations] == [DOWN, UNKNOWN]


async def test_a_leader_that_takes_over_finds_the_same_turns_in_whichever_order_pools_tell_them(
    kubernetes: Kubernetes,
) -> None:
    now = kubernetes.clock.time()
    first = Operator(kubernetes, pools=("east", "west"), quorum=2)
    await first.find(one(UP, now), one(UP, now, pool="west"))
    east = [state(DOWN, now + 10, previous=UP), state(UP, now + 20, previous=DOWN)]
    west = [state(DOWN, now + 11, previous=UP), state(UP, now + 21, previous=DOWN)]
    second = Operator(kubernetes, pools=("east", "west"), quorum=2)
    await second.find(*page(*west, pool="west"))
    await second.find(*page(*east))
    assert kubernetes.told == ["Degraded", "Down", "Degraded", "Up"]
    assert second.status.last_transition_time == rfc3339_micro(now + 21)
    third = Operator(kubernetes, pools=("east", "west"), quorum=2)
    await third.find(*page(*east), *page(*west, pool="west"))
    assert kubernetes.told == ["Degraded", "Down", "Degraded", "Up"]
    assert third.writes == 0


# Whatever happens


@given(
    verdicts=st.lists(st.sampled_from([UP, DOWN, DEGRADED]), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=4),
    outages=st.sets(st.integers(0, 12), max_size=4),
)
async def test_whoever_leads_and_whenever_the_api_server_is_away_each_turn_gets_one_event(
    verdicts: list[Verdict], cuts: list[int], outages: set[int]
) -> None:
    """At a cut another operator takes over, and reads the whole feed; the one before does nothing more."""
    kubernetes = Kubernetes(FakeClock())
    start = kubernetes.clock.time()
    feed: list[CheckState] = []
    expected: list[str] = []
    operator = Operator(kubernetes)
    before = UNKNOWN
    for number, verdict in enumerate(verdicts):
        for _ in range(cuts.count(number)):
            operator = Operator(kubernetes)
            if feed:
                await operator.find(*page(*feed))
        operator.away = number in outages
        if verdict is not before:
            feed.append(state(verdict, start + number, previous=before))
            if (before, verdict) != (UNKNOWN, UP):
                expected.append(verdict.value)
            await operator.find(Found(pool="east", state=feed[-1]))
            before = verdict
    operator.away = False
    operator.work()
    operator.pass_time(EXPECTED + 1)
    last = Operator(kubernetes)
    await last.find(*page(*feed))
    assert kubernetes.told == expected
    assert last.status.verdict is verdicts[-1]
    assert last.status.last_transition_time == rfc3339_micro(feed[-1].since)


async def test_a_state_that_cannot_be_taken_in_keeps_no_other_from_being_told(kubernetes: Kubernetes) -> None:
    operator = Operator(kubernetes)
    now = kubernetes.clock.time()
    nowhere = replace(state(DOWN, now), since=1e15)
    await operator.find(Found(pool="east", state=nowhere), one(UP, now), one(DOWN, now + 1, previous=UP))
    assert (operator.status.verdict, kubernetes.told) == (DOWN, ["Down"])


async def test_a_check_of_which_nothing_can_be_told_ends_no_sweep(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    operator = Operator(kubernetes, pools=("east", "west"), quorum=2)
    now = kubernetes.clock.time()
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr("pollwatch.control.report.turn_news", fail)
        await operator.find(one(DOWN, now))
        operator.pass_time(SETTLE + 1)
    assert [entry["check"] for entry in logs if entry["log_level"] == "error"] == [str(KEY)]
    await operator.find(one(UP, now + 1), one(UP, now + 1, pool="west"))
    assert operator.status.verdict is UP
