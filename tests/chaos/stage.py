"""Carries a schedule out on real processes, and gathers what was seen."""

from __future__ import annotations

import contextlib
import heapq
import math
import os
import time
import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.chaos.clocks import SteppedClock, libfaketime
from tests.chaos.judge import Cut, Death, Evidence, Outage, events, statuses, violations
from tests.chaos.machine import Machine, MachineClock
from tests.chaos.operator_slot import OperatorSlot
from tests.chaos.schedule import NEEDS_API, PERIOD, SYNC_AFTER, Action, What
from tests.chaos.site_image import known_image, number_of
from tests.chaos.truth import Subject, name_of
from tests.chaos.witness import Witness, objects_of
from tests.cluster.processes.atomic_volume import read_volume
from tests.cluster.processes.local_node import LocalNode
from tests.control.pool_stage import SYSTEM_NAMESPACE, WORKER_IMAGE, Pools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from tests.cluster.controlplane import ControlPlane
    from tests.cluster.processes.local_pod import LocalPod
    from tests.support.counting_site import CountingSite

POOL = "chaos"
WORKERS = 2
OPERATORS = 2
SETTLES_WITHIN = 60.0
"""Seconds after the last fault within which all has to be as it should be, beside what the machine takes."""
QUIET = 4.5 * PERIOD
"""Seconds for which it is then watched."""

SITES = [f"site-{number}.public.example" for number in range(250)]
"""What workers resolve: many names of one server."""

_VOLUME = "pollwatch-plan"
_HEADER = "plan.json"


class Stage:
    """Operators, workers, a site and Checks, and a driver that lets no process live in peace."""

    def __init__(
        self, plane: ControlPlane, pools: Pools, site: CountingSite, *, namespace: str, folder: Path
    ) -> None:
        """Prepare it.

        Args:
            plane: The API server.
            pools: Its pools: none yet.
            site: What is probed.
            namespace: Where the Checks are.
            folder: For logs, clocks and volumes.
        """
        self._plane, self._pools, self._site = plane, pools, site
        self._checks = f"/apis/pollwatch.dev/v1alpha1/namespaces/{namespace}/checks"
        self.subjects: dict[int, Subject] = {}
        self.timeline: list[str] = []
        self._begin = time.monotonic()
        self._deaths: list[Death] = []
        self._leaders_deaths: list[float] = []
        self._followers_deaths: list[float] = []
        self._cuts: list[Cut] = []
        self._outages: list[Outage] = []
        self._machine = Machine()
        self._torn: set[str] = set()
        """Pods whose mounted plan was torn."""
        self._edited_at: dict[str, float] = {}
        """When the plan Secret of a Pod was edited: `time.monotonic`."""
        self._api = True
        self._aside = ThreadPoolExecutor(1)
        """Starts the API server while other things happen."""
        self._starting: Future[None] | None = None
        self._workers = WORKERS
        library = libfaketime()
        if library is None:
            self._note("libfaketime is not to be had: no clock is stepped")
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._worker_clock = SteppedClock(folder / "workers.clock", library)
        self._node = LocalNode(
            plane,
            namespace=SYSTEM_NAMESPACE,
            folder=folder / "node",
            images={WORKER_IMAGE: known_image(folder / "image", SITES)},
            environment=self._worker_clock.environment,
            links=True,
        )
        self._witness = Witness(
            plane.admin, pools, site, self._node, pool=POOL, namespace=namespace, folder=folder
        )
        kubeconfig = plane.kubeconfig(plane.service_account_token(SYSTEM_NAMESPACE, "pollwatch"))
        self._operators = [
            OperatorSlot(
                f"operator-{number}", kubeconfig, folder, f"--namespace={namespace}", library=library
            )
            for number in range(OPERATORS)
        ]

    def run(self, actions: Iterable[Action], *, checks: int) -> list[str]:
        """Start everything, carry the schedule out, let it settle, and watch; what is wrong then."""
        with self._machine, self._node:
            try:
                self._node.sync_volumes_after(SYNC_AFTER)
                self._pools.create(POOL, replicas=WORKERS)
                for number in range(checks):
                    self._create(number)
                self._settle("at the start")
                self._carry_out(actions)
                if self._starting is not None:
                    self._starting.result()
                wrong = self._settle("after the last fault")
                return wrong or self._watch()
            finally:
                self._aside.shutdown()
                for operator in self._operators:
                    operator.stop()
                if not self._api:
                    self._plane.start_api_server()

    def _note(self, text: str) -> None:
        self.timeline.append(f"{time.monotonic() - self._begin:7.1f} s  {text}")

    def _tend(self) -> None:
        for operator in self._operators:
            operator.tend(dict(os.environ))

    # What happens.

    def _carry_out(self, actions: Iterable[Action]) -> None:
        clock = MachineClock(self._machine)
        waiting = list(actions)
        heapq.heapify(waiting)
        held: deque[Action] = deque()
        """What needs the API server, in the order in which it was due."""
        while waiting or held:
            self._tend()
            if held and self._api:
                self._do(held.popleft())
                continue
            now = clock.now()
            if not waiting or waiting[0].at > now:
                time.sleep(0.05)
                continue
            action = heapq.heappop(waiting)
            if action.what in NEEDS_API and (held or not self._api):
                held.append(action)
            elif self._is_too_much(action):
                heapq.heappush(waiting, replace(action, at=now + 0.5))
            else:
                self._do(action)

    def _is_too_much(self, action: Action) -> bool:
        """Whether a worker would be started from a plan that is damaged: it has nothing to probe by then."""
        if action.what not in {What.KILL_WORKER, What.TEAR_PLAN, What.EDIT_SECRET}:
            return False
        pod = self._pod(action)
        if pod is None:
            return False
        if action.what is not What.KILL_WORKER:
            return not pod.ready
        # What was edited is mounted a while later, and put right by an operator, where one leads.
        edited = time.monotonic() < self._edited_at.get(pod.name, -math.inf) + SYNC_AFTER + 1.0
        return (
            edited or pod.name in self._torn or (read_volume(pod.volume(_VOLUME)) or {}).get(_HEADER) == b"{}"
        )

    def _pod(self, action: Action) -> LocalPod | None:
        """The Pod that is meant; `None`: there is none now."""
        pods = self._node.pods()
        return pods[sorted(pods)[action.subject % len(pods)]] if pods else None

    def _start_api(self) -> None:
        self._plane.start_api_server()
        self._outages[-1] = self._outages[-1]._replace(end=time.monotonic())
        self._api = True

    def _do(self, action: Action) -> None:
        match action.what:
            case What.CREATE:
                self._create(action.subject)
            case What.CHANGE:
                self._change(self.subjects[action.subject])
            case What.DELETE:
                subject = self.subjects[action.subject]
                self._plane.admin.delete(f"{self._checks}/{subject.name}")
                subject.deleted = time.monotonic()
            case What.FAIL | What.RECOVER:
                subject = self.subjects[action.subject]
                subject.turn(fails=action.what is What.FAIL, at=time.monotonic())
                self._site.answer(500 if subject.fails else 200, subject.path)
            case What.STOP_API:
                self._api = False
                self._outages.append(Outage(time.monotonic(), math.inf))
                self._plane.stop_api_server()
            case What.START_API:
                self._starting = self._aside.submit(self._start_api)
            case What.RESIZE:
                self._workers = action.subject
                self._pools.change(POOL, replicas=action.subject)
            case What.KILL_LEADER | What.KILL_FOLLOWER | What.STEP_OPERATOR:
                self._hurt_operator(action)
                return
            case What.STEP_WORKERS:
                self._worker_clock.step(action.amount)
            case _:
                self._hurt_worker(action)
                return
        self._note(f"{action.what}{_about(action)}")

    def _hurt_operator(self, action: Action) -> None:
        if action.what is What.STEP_OPERATOR:
            chosen = self._operators[action.subject % OPERATORS]
            chosen.clock.step(action.amount)
        else:
            wanted = action.what is What.KILL_LEADER
            chosen = next(
                (operator for operator in self._operators if operator.leads() == wanted),
                self._operators[action.subject % OPERATORS],
            )
            chosen.kill()
            (self._leaders_deaths if wanted else self._followers_deaths).append(time.monotonic())
        step = f" {action.amount:+g} s" if action.what is What.STEP_OPERATOR else ""
        self._note(f"{action.what}: {chosen.name}{step}")

    def _hurt_worker(self, action: Action) -> None:
        pods, node, chosen = sorted(self._node.pods()), self._node, self._pod(action)
        if chosen is None:
            return
        pod = chosen.name
        hurt: dict[What, Callable[[], None]] = {
            What.KILL_WORKER: lambda: node.kill(pod),
            What.CUT: lambda: node.set_cut(pod, cut=True),
            What.MEND: lambda: _each(pods, lambda each: node.set_cut(each, cut=False)),
            What.TEAR_PLAN: lambda: node.damage(pod, _VOLUME, _torn),
            What.SYNC: node.sync_volumes,
            What.FILL_DISK: lambda: node.set_disk_full(pod, full=True),
            What.EMPTY_DISK: lambda: _each(pods, lambda each: node.set_disk_full(each, full=False)),
            What.EDIT_SECRET: lambda: self._pools.spoil_secret(_plan_of(pod), **{_HEADER: b"{}"}),
        }
        self._note(f"{action.what}: {pod}")
        if action.what is What.KILL_WORKER:
            self._deaths.append(Death(time.monotonic(), number_of(pod)))
        elif action.what is What.CUT:
            self._cuts.append(Cut(time.monotonic(), math.inf, number_of(pod)))
        elif action.what is What.MEND:
            now = time.monotonic()
            self._cuts = [cut._replace(end=min(cut.end, now)) for cut in self._cuts]
        elif action.what is What.TEAR_PLAN:
            self._torn.add(pod)
        elif action.what is What.EDIT_SECRET:
            self._edited_at[pod] = time.monotonic()
        elif action.what is What.SYNC:
            self._torn.clear()
        # The pool may be resized at this very moment.
        begin = hurt[action.what]
        with contextlib.suppress(KeyError):
            begin()

    def _create(self, number: int) -> None:
        subject = Subject(name=name_of(number))
        self._plane.admin.post(
            self._checks,
            {
                "apiVersion": "pollwatch.dev/v1alpha1",
                "kind": "Check",
                "metadata": {"name": subject.name},
                "spec": {
                    "pool": POOL,
                    "periodSeconds": PERIOD,
                    "timeoutSeconds": PERIOD,
                    "http": {"url": self._url(subject)},
                },
            },
        )
        self.subjects[number] = subject

    def _change(self, subject: Subject) -> None:
        subject.version += 1
        spec = {"http": {"url": self._url(subject)}}
        self._plane.admin.patch(f"{self._checks}/{subject.name}", {"spec": spec})

    def _url(self, subject: Subject) -> str:
        # Workers are gentle with a host that is new to them: few Checks share one.
        return self._site.url(subject.path, host=host_of(subject))

    # What is seen.

    def _settle(self, when: str) -> list[str]:
        """Wait until status says what is true; what is wrong still, at most a few lines of it."""
        begin = time.monotonic()
        while True:
            self._tend()
            checks = self._witness.checks()
            wrong = [*statuses(self.subjects.values(), checks), *self._unsettled()]
            # Events come later: hundreds wait for each other where a worker could not be read.
            wrong = wrong or [*events(self._evidence(checks=checks))]
            if not wrong:
                self._note(f"settled {when}")
                return []
            now = time.monotonic()
            if now > begin + SETTLES_WITHIN + self._machine.waited(begin, now):
                self._note(f"not settled {when}")
                return [f"{now - begin:.0f} s {when}:", *wrong]
            time.sleep(0.5)

    def _unsettled(self) -> Iterator[str]:
        gone = {subject.name for subject in self.subjects.values() if subject.deleted is not None}
        yield from self._witness.kept(gone)
        yield from self._witness.complaints()

    def _watch(self) -> list[str]:
        quiet = time.monotonic()
        time.sleep(QUIET)
        end = time.monotonic()
        self._note("judged")
        evidence = self._evidence(checks=self._witness.checks())
        return violations(
            replace(
                evidence,
                hits=self._witness.hits(),
                quiet=quiet,
                end=end,
                series=self._witness.series(),
                made=self._witness.made(),
                wanted=objects_of(POOL, workers=self._workers),
                leaders=sum(operator.leads() for operator in self._operators),
            )
        )

    def _evidence(self, *, checks: Mapping[str, dict[str, Any]]) -> Evidence:
        """What was done, and what Kubernetes tells of it by now."""
        return Evidence(
            subjects=list(self.subjects.values()),
            checks=checks,
            events=self._witness.told(),
            deaths=self._deaths,
            leaders_deaths=self._leaders_deaths,
            followers_deaths=self._followers_deaths,
            outages=self._outages,
            cuts=self._cuts,
            waited=self._machine.waited,
        )


def _about(action: Action) -> str:
    match action.what:
        case What.STOP_API | What.START_API:
            return ""
        case What.STEP_WORKERS:
            return f": {action.amount:+g} s"
        case What.RESIZE:
            return f": {action.subject} workers"
    return f": {name_of(action.subject)}"


def host_of(subject: Subject) -> str:
    """One of the names of the server."""
    return SITES[zlib.crc32(subject.name.encode()) % len(SITES)]


def _plan_of(pod: str) -> str:
    """The Secret with the plan of a Pod."""
    return f"{pod.removesuffix('-0')}-plan"


def _each(pods: Iterable[str], mend: Callable[[str], None]) -> None:
    for pod in pods:
        with contextlib.suppress(KeyError):
            mend(pod)


def _torn(files: dict[str, bytes]) -> dict[str, bytes]:
    return files | {name: content[:-20] for name, content in files.items() if name == "part-000"}
