"""`pollwatch run --once`: one probe of each target, and what it says."""

import asyncio
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from pollwatch.cli.display.table import sign
from pollwatch.cli.display.words import count, outcome, tally
from pollwatch.cli.documents import CheckResult, Document, TargetResult, result_document
from pollwatch.plan.checks import MAX_ADDRESSES, CheckPlan, Plan, Resolve, Target
from pollwatch.plan.samples import Sample
from pollwatch.plan.states import Verdict
from pollwatch.probes.network import Network
from pollwatch.probes.sampling import take_sample
from pollwatch.verdict.combine import combine
from pollwatch.verdict.last_sample import LastSampleJudge

AT_A_TIME = 100
"""Probes under way at most."""


async def probe_once(plan: Plan, network: Network) -> tuple[CheckResult, ...]:
    """Probe each target of each Check once, in the order of the plan."""
    free = asyncio.Semaphore(AT_A_TIME)

    async def sample_of(target: Target) -> Sample:
        async with free:
            return await take_sample(target, network)

    async def result_of(check: CheckPlan) -> CheckResult:
        first = await sample_of(Target(check))
        if check.probe.resolve is Resolve.ANY or not first.resolved:
            return _result(check, [("", first)])
        # The first probe found the addresses; it counts for the one that it used.
        addresses = first.resolved[:MAX_ADDRESSES]
        others = [address for address in addresses if address != first.address]
        samples = dict(
            zip(others, await asyncio.gather(*(sample_of(Target(check, a)) for a in others)), strict=True)
        )
        return _result(check, [(address, samples.get(address, first)) for address in addresses])

    return tuple(await asyncio.gather(*map(result_of, plan.checks)))


def all_up(results: Iterable[CheckResult]) -> bool:
    """Whether every Check is Up."""
    return all(result.verdict is Verdict.UP for result in results)


def results_document(results: Sequence[CheckResult]) -> Document:
    """Write the results as one JSON document."""
    return {
        "verdict": combine(result.verdict for result in results).value,
        "checks": [result_document(result) for result in results],
    }


def results_table(results: Sequence[CheckResult]) -> RenderableType:
    """Draw the results: a line a Check, and one a target where there are several."""
    drawn = Table(
        Column("VERDICT", no_wrap=True),
        Column("CHECK", overflow="fold"),
        Column("PROBE", overflow="fold"),
        box=None,
        padding=(0, 2, 0, 0),
        header_style="dim",
        pad_edge=False,
    )
    for result in results:
        name = Text(str(result.check.key), "bold")
        if len(result.targets) == 1:
            drawn.add_row(sign(result.verdict), name, _told(result.targets[0]))
            continue
        up = Text(f"{result.up} of {count(len(result.targets), 'address', 'addresses')} up")
        drawn.add_row(sign(result.verdict), name, up)
        for target in result.targets:
            verdict = Text("  ").append_text(sign(target.verdict))
            drawn.add_row(verdict, Text(f"  {target.address}"), _told(target))
    verdicts = tally(result.verdict for result in results)
    return Group(drawn, Text(f"{count(len(results), 'Check')}: {verdicts}", "dim"))


def _result(check: CheckPlan, samples: Sequence[tuple[str, Sample]]) -> CheckResult:
    targets = [
        TargetResult(address=address, verdict=LastSampleJudge().observe(sample), sample=sample)
        for address, sample in samples
    ]
    return CheckResult(check=check, verdict=combine(target.verdict for target in targets), targets=targets)


def _told(target: TargetResult) -> Text:
    return Text(outcome(target.sample), "" if target.verdict is Verdict.UP else "red")
