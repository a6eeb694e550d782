"""Which plan is live: good ones are taken up, and whatever is wrong with one, the last good one stays."""

import asyncio
import gzip
import json
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollwatch.plan.blocks import pack
from pollwatch.plan.checks import Plan
from pollwatch.plan.clock import SystemClock
from pollwatch.plan.codec import EncodedPlan, PlanDecoder
from pollwatch.plan.header import HeaderWriter
from pollwatch.plan.reports import PlanFault, PlanReport
from pollwatch.worker.plan_folder import FolderError, PlanFiles
from pollwatch.worker.plan_intake import Outcome, PlanIntake
from tests.support.plan_folders import encode
from tests.support.plans import make_check

A, B, C = (encode(make_check(name)) for name in "abc")


class Bench:
    def __init__(self) -> None:
        self.applied: list[Plan] = []
        self.changes = 0
        self.intake = PlanIntake(self.applied.append, changed=self._count, clock=SystemClock())

    def _count(self) -> None:
        self.changes += 1

    @property
    def report(self) -> PlanReport:
        return self.intake.report

    @property
    def live(self) -> list[str]:
        """The Checks that are probed."""
        return [check.key.name for check in self.applied[-1].checks] if self.applied else []

    async def mount(
        self,
        plan: EncodedPlan,
        revision: int,
        *,
        parts: tuple[bytes, ...] | None = None,
        settled: bool = True,
    ) -> Outcome | None:
        found = PlanFiles(plan.header(revision), plan.parts if parts is None else parts, None)
        return await self.intake.mounted(found, settled=settled)

    async def push(self, plan: EncodedPlan, revision: int) -> Outcome:
        return await self.intake.push(plan.header(revision), plan.payload)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_the_first_plan_is_live_and_tells_whose_it_is(bench: Bench) -> None:
    assert not bench.intake.is_live
    assert await bench.mount(A, 17) is Outcome.LIVE
    identity = bench.intake.identity
    assert identity is not None
    assert (identity.pool, identity.worker) == ("east", "east-0")
    assert (bench.live, bench.report) == (["a"], PlanReport(revision=17, checks=1))
    assert bench.changes == 1


async def test_an_empty_folder_is_no_plan_and_no_fault(bench: Bench) -> None:
    assert await bench.intake.mounted(PlanFiles(None, (), None), settled=True) is None
    assert (bench.report, bench.changes) == (PlanReport(), 0)


async def test_a_pushed_plan_wins_over_the_mounted_one_until_that_is_newer(bench: Bench) -> None:
    await bench.mount(A, 1)
    assert await bench.push(B, 2) is Outcome.LIVE
    assert await bench.mount(A, 1) is Outcome.NOT_NEWER
    assert await bench.mount(B, 2) is Outcome.LIVE
    assert (bench.live, len(bench.applied)) == (["b"], 2)
    assert await bench.mount(C, 3) is Outcome.LIVE
    assert bench.live == ["c"]


@pytest.mark.parametrize("revision", [1, 2])
async def test_a_pushed_plan_that_is_not_newer_is_ignored_and_that_is_said(
    bench: Bench, revision: int, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.mount(A, 2)
    caplog.set_level(logging.INFO)
    assert await bench.push(B, revision) is Outcome.NOT_NEWER
    assert (bench.live, bench.report.revision, bench.report.fault) == (["a"], 2, None)
    assert caplog.messages == ["older plan ignored"]


async def test_another_mounted_plan_of_the_live_revision_is_what_was_decided(bench: Bench) -> None:
    await bench.mount(A, 1)
    assert await bench.mount(B, 1) is Outcome.LIVE
    assert bench.live == ["b"]


async def test_a_worker_that_starts_takes_the_mounted_plan_whatever_its_revision(bench: Bench) -> None:
    assert await bench.mount(A, 1) is Outcome.LIVE
    again = Bench()
    assert await again.mount(A, 1) is Outcome.LIVE


def flipped(plan: EncodedPlan, revision: int) -> PlanFiles:
    """A part that was changed."""
    changed = bytearray(plan.parts[0])
    changed[len(changed) // 2] ^= 1
    return PlanFiles(plan.header(revision), (bytes(changed),), None)


def edited_header(plan: EncodedPlan, revision: int) -> PlanFiles:
    """A header that was edited by hand."""
    return PlanFiles(plan.header(revision).replace(b'"east-0"', b'"east-9"'), plan.parts, None)


def half_a_header(plan: EncodedPlan, revision: int) -> PlanFiles:
    return PlanFiles(plan.header(revision)[:40], plan.parts, None)


def empty_header(plan: EncodedPlan, revision: int) -> PlanFiles:
    del revision
    return PlanFiles(b"", plan.parts, None)


def missing_part(plan: EncodedPlan, revision: int) -> PlanFiles:
    return PlanFiles(plan.header(revision), (), None)


def part_of_another_plan(plan: EncodedPlan, revision: int) -> PlanFiles:
    return PlanFiles(plan.header(revision), C.parts, None)


def of_another_worker(plan: EncodedPlan, revision: int) -> PlanFiles:
    del plan
    other = encode(make_check("b"), worker="east-1")
    return PlanFiles(other.header(revision), other.parts, None)


def of_another_pool(plan: EncodedPlan, revision: int) -> PlanFiles:
    del plan
    other = encode(make_check("b"), pool="west", worker="east-0")
    return PlanFiles(other.header(revision), other.parts, None)


def of_another_format(plan: EncodedPlan, revision: int) -> PlanFiles:
    header = HeaderWriter(replace(plan.content, format=2))
    return PlanFiles(header.line(revision), plan.parts, None)


def without_a_plan(plan: EncodedPlan, revision: int) -> PlanFiles:
    del plan, revision
    return PlanFiles(None, (), None)


def unreadable(plan: EncodedPlan, revision: int) -> FolderError:
    del plan, revision
    return FolderError("/etc/pollwatch/plan/plan.json: permission denied")


BAD: dict[Callable[[EncodedPlan, int], PlanFiles | FolderError], PlanFault] = {
    flipped: PlanFault.TORN,
    edited_header: PlanFault.CORRUPT,
    half_a_header: PlanFault.CORRUPT,
    empty_header: PlanFault.CORRUPT,
    missing_part: PlanFault.TORN,
    part_of_another_plan: PlanFault.TORN,
    of_another_worker: PlanFault.WRONG_WORKER,
    of_another_pool: PlanFault.WRONG_WORKER,
    of_another_format: PlanFault.UNSUPPORTED_FORMAT,
    without_a_plan: PlanFault.CORRUPT,
    unreadable: PlanFault.CORRUPT,
}


@pytest.mark.parametrize(("spoil", "fault"), BAD.items(), ids=lambda value: getattr(value, "__name__", ""))
async def test_a_bad_mounted_plan_is_refused_said_once_and_the_last_good_one_runs_on(
    bench: Bench,
    spoil: Callable[[EncodedPlan, int], PlanFiles | FolderError],
    fault: PlanFault,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await bench.mount(A, 1)
    caplog.clear()
    for _ in range(3):
        assert await bench.intake.mounted(spoil(B, 2), settled=True) is Outcome.REFUSED
    assert (bench.live, bench.report.revision, bench.report.checks) == (["a"], 1, 1)
    assert bench.report.fault is fault
    assert bench.report.message
    assert "\n" not in bench.report.message
    assert bench.intake.refusals == {fault: 1}
    assert bench.changes == 2
    (record,) = caplog.records
    assert (record.message, record.levelno) == ("plan refused", logging.WARNING)

    assert await bench.mount(B, 2) is Outcome.LIVE
    assert (bench.live, bench.report) == (["b"], PlanReport(revision=2, checks=1))


async def test_a_fault_may_be_an_edit_under_way_and_is_not_told_at_first(bench: Bench) -> None:
    await bench.mount(A, 1)
    assert await bench.mount(B, 2, parts=(), settled=False) is Outcome.REFUSED
    assert (bench.report.fault, bench.changes) == (None, 1)


async def test_a_live_plan_that_is_edited_by_hand_is_told_and_mended_without_being_applied_again(
    bench: Bench,
) -> None:
    await bench.mount(A, 1)
    assert await bench.intake.mounted(edited_header(A, 1), settled=True) is Outcome.REFUSED
    assert bench.report.fault is PlanFault.CORRUPT
    assert await bench.mount(A, 1) is Outcome.LIVE
    assert bench.report == PlanReport(revision=1, checks=1)
    assert len(bench.applied) == 1


async def test_parts_that_arrive_after_the_pushed_plan_they_belong_to_are_no_fault(bench: Bench) -> None:
    await bench.mount(A, 1)
    await bench.push(B, 2)
    assert await bench.mount(B, 2, parts=A.parts) is Outcome.NOT_NEWER
    assert bench.report.fault is None


async def test_a_fault_of_a_mounted_plan_is_over_when_a_good_one_is_pushed(bench: Bench) -> None:
    await bench.mount(A, 1)
    await bench.intake.mounted(flipped(B, 2), settled=True)
    await bench.push(B, 3)
    assert bench.report == PlanReport(revision=3, checks=1)


async def test_checks_that_need_a_newer_worker_are_named_and_the_others_are_probed(bench: Bench) -> None:
    plan = encode(make_check("a"))
    newer = gzip.decompress(B.payload).rstrip().removesuffix(b"}") + b',"expectsMore":1}'
    block = pack([newer], checks=1)
    header = HeaderWriter(replace(plan.content, blocks=(*plan.content.blocks, block.entry)))
    assert await bench.intake.push(header.line(1), plan.payload + block.packed) is Outcome.LIVE
    assert bench.live == ["a"]
    assert bench.report.unsupported == ("public-sites/b",)
    assert bench.intake.unsupported == 1


async def test_nothing_secret_is_in_what_is_said(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3cret-of-the-tenant"
    plan = encode(make_check("a", confidential=(secret,)))
    await bench.mount(plan, 1)
    for spoil in BAD:
        await bench.intake.mounted(spoil(plan, 2), settled=True)
        assert secret not in bench.report.message
    said = json.dumps([{**vars(record), "args": None} for record in caplog.records], default=str)
    assert secret not in said


offers = st.tuples(
    st.sampled_from(["push", "mount"]),
    st.integers(1, 4),
    st.sampled_from([A, B, C]),
    st.sampled_from([None, None, flipped, edited_header, of_another_worker, missing_part]),
)


@given(st.lists(offers, max_size=12))
def test_whatever_is_offered_only_good_plans_are_probed_and_never_an_older_one(
    offered: list[
        tuple[
            str,
            int,
            EncodedPlan,
            Callable[[EncodedPlan, int], PlanFiles | FolderError] | None,
        ]
    ],
) -> None:
    async def main() -> None:
        bench = Bench()
        # A first one, so that there is a worker to be foreign to.
        await bench.mount(A, 1)
        for source, revision, plan, spoil in offered:
            live, before = bench.live, bench.report
            found = (
                PlanFiles(plan.header(revision), plan.parts, None) if spoil is None else spoil(plan, revision)
            )
            assert isinstance(found, PlanFiles)
            assert found.header is not None
            if source == "push":
                outcome = await bench.intake.push(found.header, b"".join(found.parts))
            else:
                taken = await bench.intake.mounted(found, settled=True)
                assert taken is not None
                outcome = taken
            assert bench.report.revision >= before.revision
            if outcome is Outcome.LIVE:
                assert spoil is None
                assert bench.live == [check.key.name for check in (await decoded(plan)).checks]
                assert bench.report == PlanReport(revision=revision, checks=1)
            else:
                assert bench.live == live
                assert (bench.report.fault is not None) == (
                    outcome is Outcome.REFUSED or before.fault is not None
                )

    asyncio.run(main())


async def decoded(plan: EncodedPlan) -> Plan:
    async def go_on() -> None:
        pass

    return (await PlanDecoder().decode(plan.header(1), plan.payload, breathe=go_on)).plan
