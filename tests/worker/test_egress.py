"""The egress policy of a plan, where the worker probes."""

import asyncio
import sys
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from pollwatch.plan.checks import CheckPlan, HttpProbe, Plan, Resolve, Target
from pollwatch.plan.egress import UNRESTRICTED, EgressPolicy, EgressRule
from pollwatch.plan.samples import Reason, Sample
from pollwatch.plan.states import Verdict
from pollwatch.series.store import SeriesStore
from pollwatch.worker.feed import Feed
from pollwatch.worker.health import LoopMonitor, WorkerMetrics
from pollwatch.worker.worker import Worker
from tests.support.plans import make_check, make_sample
from tests.support.probing import make_network
from tests.support.sites import running_site
from tests.support.worker import WorkerBench

A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"
NODE = ip_network("198.51.100.7/32")
CLOSED = EgressPolicy(default_allow=False)
OPEN = EgressPolicy(protected=(ip_network("127.0.0.0/8"),))
REFUSED = make_sample(Reason.EGRESS_DENIED, evidence="192.0.2.2 port 443 is refused: ...")


def make_each_address(*, period: float = 10.0) -> CheckPlan:
    return make_check(resolve=Resolve.EACH_ADDRESS, period=period)


def refusing(bench: WorkerBench, *addresses: str, down: str = "") -> None:
    """Let the name have three addresses, of which some are refused and one may be down."""

    def find(target: Target) -> Sample:
        if target.address in addresses:
            return replace(REFUSED, resolved=(A, B, C))
        used = target.address or next(address for address in (A, B, C) if address not in addresses)
        reason = Reason.CONNECT_REFUSED if used == down else None
        return replace(make_sample(reason), address=used, resolved=(A, B, C))

    bench.find = find


def test_each_probe_is_given_the_policy_of_the_plan_that_is_in_force() -> None:
    bench, check = WorkerBench(), make_check(period=10.0)
    bench.apply(check)
    bench.run(60.0, lambda: bench.apply(check, egress=CLOSED), 60.0)
    assert bench.policies[0] == UNRESTRICTED
    assert bench.policies[-1] == CLOSED
    assert set(bench.policies) == {UNRESTRICTED, CLOSED}


def test_what_the_machine_protects_is_protected_whatever_the_plan_says() -> None:
    bench = WorkerBench(protected=(NODE,))
    bench.apply(make_check(), egress=OPEN)
    bench.run(20.0)
    assert bench.policies[-1] == replace(OPEN, protected=(*OPEN.protected, NODE))
    assert bench.policies[-1].refusal("www.example.org", "198.51.100.7", 443) is not None


def test_an_equal_policy_in_a_new_plan_keeps_what_was_judged() -> None:
    bench = WorkerBench(protected=(NODE,))
    bench.apply(make_check(), egress=OPEN)
    bench.run(20.0, lambda: bench.apply(make_check(), egress=replace(OPEN)), 20.0)
    assert len(set(map(id, bench.policies))) == 1


def test_an_address_that_is_refused_is_unknown_and_the_others_make_the_verdict() -> None:
    bench, check = WorkerBench(), make_each_address()
    refusing(bench, B)
    bench.apply(check)
    bench.run(60.0)
    state = bench.states()[-1]
    assert (state.verdict, state.total, state.up) == (Verdict.UP, 3, 2)
    assert (state.reason, state.address) == (Reason.EGRESS_DENIED, B)
    assert [view.verdict for view in bench.worker.targets(check.key)] == [
        Verdict.UP,
        Verdict.UNKNOWN,
        Verdict.UP,
    ]


def test_an_outage_is_explained_by_what_fails_and_not_by_what_is_refused() -> None:
    bench = WorkerBench()
    refusing(bench, B, down=C)
    bench.apply(make_each_address(period=3_600.0))
    bench.run(1.0)
    state = bench.states()[-1]
    assert (state.verdict, state.total, state.up) == (Verdict.DEGRADED, 3, 1)
    assert (state.reason, state.address) == (Reason.CONNECT_REFUSED, C)


def test_a_check_that_is_refused_from_the_start_says_so_once() -> None:
    bench = WorkerBench()
    bench.find = lambda _: REFUSED
    bench.apply(make_check())
    bench.run(300.0)
    (state,) = bench.states()
    assert (state.verdict, state.reason, state.evidence) == (
        Verdict.UNKNOWN,
        Reason.EGRESS_DENIED,
        REFUSED.evidence,
    )


def test_a_check_whose_every_address_is_refused_is_unknown_and_says_so() -> None:
    bench = WorkerBench()
    bench.apply(make_check())

    def refuse() -> None:
        bench.find = lambda _: REFUSED

    bench.run(60.0, refuse, 60.0)
    assert bench.verdicts() == [Verdict.UP, Verdict.UNKNOWN]
    assert (bench.states()[-1].reason, bench.states()[-1].evidence) == (
        Reason.EGRESS_DENIED,
        REFUSED.evidence,
    )


def test_what_was_refused_is_probed_soon_after_the_policy_changed() -> None:
    bench = WorkerBench()
    refused, other = make_check("refused", period=3_600.0), make_check("other", period=3_600.0)
    bench.find = lambda target: REFUSED if target.check is refused else make_sample()
    bench.apply(refused, other, egress=CLOSED)

    def open_up() -> None:
        bench.find = lambda _: make_sample()
        bench.apply(refused, other, egress=OPEN)

    bench.run(10.0, open_up, 1.0)
    assert [target.check for target in bench.probed[2:]] == [refused]
    assert bench.verdicts()[-1] is Verdict.UP


def test_thousands_that_were_refused_are_probed_anew_without_holding_the_loop() -> None:
    bench = WorkerBench()
    checks = [
        make_check(f"check-{n}", probe=HttpProbe(url=f"https://{n}.example.org/"), period=3_600.0)
        for n in range(1_000)
    ]
    bench.find = lambda _: REFUSED
    bench.apply(*checks, egress=CLOSED)
    waiting: list[int] = []

    def open_up() -> None:
        bench.probed.clear()
        bench.find = lambda _: make_sample()
        bench.apply(*checks, egress=OPEN)
        waiting.append(
            sum(bench.worker.targets(check.key)[0].due < bench.clock.time() + 30 for check in checks)
        )

    bench.run(60.0, open_up, 30.0)
    assert waiting[0] < 100
    assert {target.check.key for target in bench.probed} >= {check.key for check in checks}


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is 127.0.0.2 an address of every machine")
async def test_a_real_worker_connects_only_where_its_plan_leads(tmp_path: Path) -> None:
    hosts_file = tmp_path / "hosts"
    hosts_file.write_text("127.0.0.1 www.example.org\n127.0.0.2 www.example.org\n")
    only = EgressPolicy(
        protected=(ip_network("127.0.0.0/8"),), allow=(EgressRule(networks=(ip_network("127.0.0.2/32"),)),)
    )
    async with running_site(host="127.0.0.2") as allowed, running_site(port=allowed.port) as forbidden:
        url = allowed.url_for("www.example.org")
        check = make_check(
            probe=HttpProbe(url=url, resolve=Resolve.EACH_ADDRESS), period=0.2, timeout=0.2, target=url
        )
        network = make_network(hosts_file=hosts_file)
        monitor = LoopMonitor(network.clock)
        worker = Worker(
            network=network,
            series=SeriesStore(),
            metrics=WorkerMetrics(network.clock, monitor),
            feed=Feed(clock=network.clock),
        )
        worker.apply(Plan(checks=(check,), egress=only))
        running = asyncio.create_task(worker.run())
        async with asyncio.timeout(30.0):
            while worker.states()[check.key].total != 2 or len(allowed.requests) < 3:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
        state = worker.states()[check.key]
        worker.stop()
        await running
        await worker.drain(5.0)
        await network.aclose()
    assert (state.verdict, state.up) == (Verdict.UP, 1)
    assert forbidden.server.connections == 0
