"""What reports, without its tasks, beside what Kubernetes holds: it outlives operators."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pollwatch.control.data_plane import Found
from pollwatch.control.decision import GRACE
from pollwatch.control.report import Reporter
from pollwatch.control.status import Admission, CheckStatus
from pollwatch.control.store import Store
from pollwatch.plan.checks import CheckKey
from pollwatch.plan.samples import Reason
from pollwatch.plan.states import CheckState, Verdict
from tests.control.documents import ACCEPTED, check_document
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
        return [event.reason for event in sorted(self.events.values(), key=lambda one: one.occasion)]


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
        self.conflicts = 0
        self.defects: list[None] = []
        self.away = False
        """Whether the API server is."""
        self._news: list[News] = []
        self.reporter = Reporter(
            store=self.store,
            data_plane=self.data_plane,
            offer=lambda _: None,
            tell=self._news.append,
            repeat=self._news.append,
            met_defect=lambda: self.defects.append(None),
            clock=self.clock,
        )
        self.pools, self.quorum = pools, quorum
        self.rate: float | None = None
        self.starting: frozenset[str] = starting
        self.watch()
        self.decide()
        self.reporter.begin()

    def watch(self) -> None:
        """Hear what Kubernetes holds."""
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
            if write.resource_version != str(self.kubernetes.version):
                self.conflicts += 1
                self.watch()
                continue
            self.kubernetes.status = write.after
            self.kubernetes.version += 1
            self.writes += 1
            self.watch()
            self.reporter.written(KEY, write)
        self.post()

    def post(self) -> None:
        """Post what is queued to be told."""
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


def page(
    *states: CheckState, pool: str = "east", recent: bool | None = None, worker: str = "", behind: float = 0.0
) -> list[Found]:
    """What a worker tells at once: all but the last state are history."""
    return [
        Found(
            pool=pool,
            state=one,
            history=one is not states[-1],
            recent=recent,
            worker=worker,
            behind=behind,
        )
        for one in states
    ]
