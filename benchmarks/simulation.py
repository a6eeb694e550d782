"""The operator and a worker without a cluster: all that they compute and hold, and nobody to talk to.

Started by `benchmarks.million`, each in a process of its own so that its memory is its own: `--operator
CHECKS FOLDER` compiles so many Checks, shares them out and encodes their plans, and leaves the longest in
the folder; `--worker FOLDER` takes that one up. Both print their figures as JSON.
"""

import asyncio
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.population import SECRET, check_document, check_json
from benchmarks.processes import resident_bytes
from benchmarks.series import samples
from pollwatch.api.check import Check, parse_check
from pollwatch.api.pool import MAX_WORKERS, AutoSize, parse_pool
from pollwatch.compile.check import compile_check
from pollwatch.compile.cost import total_cost
from pollwatch.compile.pool import PoolSettings, compile_for_pool, pool_settings
from pollwatch.compile.references import references
from pollwatch.control.pool_plans import PoolPlans
from pollwatch.control.pools.autosize import Load, decide
from pollwatch.control.pools.delivery import plan_secrets
from pollwatch.control.pools.shards import Shard, Shards
from pollwatch.control.store import Store
from pollwatch.plan.checks import CheckKey, HttpProbe, Plan, Target
from pollwatch.plan.codec import EncodedPlan, PlanDecoder
from pollwatch.plan.samples import Sample
from pollwatch.probes.network import Network
from pollwatch.series.exposition import Exposition
from pollwatch.series.store import SeriesStore
from pollwatch.worker.feed import Feed
from pollwatch.worker.health import LoopMonitor, WorkerMetrics
from pollwatch.worker.process import prepare_process
from pollwatch.worker.worker import Worker
from tests.support.clock import FakeClock, run_in_fake_time
from tests.support.worker import NoNetwork

CHANGES = 50
SMALL_SHARD = 2_500
"""Checks a worker, in the second way to share them out."""
LONGEST_PERIOD = 60.0
"""Seconds, of all Checks of `population`."""


@dataclass(slots=True)
class Stopwatch:
    """Adds up seconds of CPU."""

    seconds: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what the block takes."""
        before = time.process_time()
        try:
            yield
        finally:
            self.seconds += time.process_time() - before


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How Checks were shared out, and what came of it."""

    checks: int
    pools: int
    workers: int
    secrets: int
    plan_bytes: int
    """Of all payloads."""
    longest_plan: int
    """Of one worker, bytes."""
    most_checks: int
    """Of one worker."""
    encode_seconds: float
    """CPU to encode all plans for the first time."""
    change_seconds: float
    """CPU for one changed Check, from its JSON to the Secrets as they are sent; median."""
    change_bytes: int
    """Of the Secrets sent for it, in base64; median."""
    moved: int
    """Checks of one pool that move when it gets one worker more."""
    pool_checks: int
    """Checks of that pool."""
    resize_seconds: float
    """CPU to share them out anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFigures:
    """Of the operator."""

    checks: int
    json_bytes: int
    """Of the Checks as the API server gives them."""
    observe_seconds: float
    compile_seconds: float
    cores: float
    """That probing should take, by `compile.cost`."""
    resident_bytes: int
    """When all plans are encoded."""
    layouts: dict[str, Layout]
    """By what the number of workers follows from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFigures:
    """Of the worker with the longest plan."""

    checks: int
    decode_seconds: float
    """CPU to decode its first plan."""
    change_seconds: float
    """CPU to decode the next, in which one Check changed."""
    change_hold: float
    """The longest time for which that holds the event loop, seconds of CPU."""
    cores: float
    """That probing should take, by `compile.cost`."""
    resident_bytes: int
    series: int
    page_bytes: int


class Operator:
    """What the operator computes and holds, without the API server."""

    def __init__(self, pools: int) -> None:
        self.store = Store()
        self.plans = PoolPlans()
        self.pools = {name: _pool(name) for name in (f"east-{number}" for number in range(pools))}
        self.shards = {name: Shards(name) for name in self.pools}
        self.observing, self.compiling = Stopwatch(), Stopwatch()

    def take_in(self, text: bytes) -> None:
        """Do all that one Check asks for, from its JSON to the plan of its pool."""
        with self.observing.running():
            document = json.loads(text)
            self.store.observe_check(document)
        with self.compiling.running():
            metadata = document["metadata"]
            key = CheckKey(metadata["namespace"], metadata["name"])
            self._compile(key, parse_check(self.store.checks[key].document))

    def _compile(self, key: CheckKey, check: Check) -> None:
        needed = references(check)
        self.store.refer(key, needed)
        for reference in self.store.unknown(needed):
            self.store.observe_data(reference, SECRET)
        settings = self.pools[f"east-{int(key.namespace.removeprefix('team-')) % len(self.pools)}"]
        compiled = compile_for_pool(compile_check(check, self.store), settings)
        self.plans.put(key, [(settings, compiled)])

    def apply(self) -> None:
        """Hand what changed to the shards."""
        for name, changes in self.plans.take().changes.items():
            self.shards[name].apply(changes)

    def share_out(self, workers: Callable[[Shards], int]) -> None:
        """Give each pool its workers, and forget those that it had."""
        for name, before in self.shards.items():
            shards = Shards(name)
            shards.set_egress(self.pools[name].egress)
            shards.apply({check.key: check for check in before.checks})
            resize(shards, workers(shards))
            self.shards[name] = shards

    def all_shards(self) -> list[Shard]:
        """Give the shards of all pools."""
        return [shard for shards in self.shards.values() for shard in shards.shards]


def resize(shards: Shards, workers: int) -> None:
    """Have so many workers share a pool's Checks."""
    for number in range(workers):
        shards.add(number)
    shards.share_out([shard.worker for shard in shards.shards])


def sized_by_load(shards: Shards) -> int:
    """Ask the operator how many workers a pool needs that sizes itself."""
    load = Load(planned=shards.cores, measured=0.0, lateness=0.0)
    return decide(AutoSize(min=1, max=MAX_WORKERS), load, None, now=0.0).workers


def small_shards(shards: Shards) -> int:
    """Have at most about `SMALL_SHARD` Checks a worker."""
    return math.ceil(len(shards) / SMALL_SHARD)


LAYOUTS = {"by load": sized_by_load, "small": small_shards}


def _pool(name: str) -> PoolSettings:
    pool = parse_pool(
        {
            "apiVersion": "pollwatch.dev/v1alpha1",
            "kind": "ProbePool",
            "metadata": {"name": name},
            "spec": {"labels": {"location": "Montreal"}},
        }
    )
    return pool_settings(pool, cluster_addresses=["10.96.0.1"])


def operate(checks: int, folder: Path) -> OperatorFigures:
    """Run the operator's half."""
    prepare_process()
    operator = Operator(pools=math.ceil(checks / (MAX_WORKERS * SMALL_SHARD)))
    json_bytes = 0
    for number in range(checks):
        text = check_json(number)
        json_bytes += len(text)
        operator.take_in(text)
    with operator.compiling.running():
        operator.apply()
    resident = 0
    layouts: dict[str, Layout] = {}
    for name, workers in LAYOUTS.items():
        operator.share_out(workers)
        encoding = Stopwatch()
        with encoding.running():
            plans = [shard.encode() for shard in operator.all_shards()]
        if not layouts:
            resident = resident_bytes("self")
            leave_longest(operator, folder)
        layouts[name] = measure(operator, encoding.seconds, plans)
    return OperatorFigures(
        checks=checks,
        json_bytes=json_bytes,
        observe_seconds=operator.observing.seconds,
        compile_seconds=operator.compiling.seconds,
        cores=sum(shards.cores for shards in operator.shards.values()),
        resident_bytes=resident,
        layouts=layouts,
    )


def measure(operator: Operator, encode_seconds: float, plans: Sequence[EncodedPlan]) -> Layout:
    """Look at plans, and at what changes cost."""
    checks = sum(plan.checks for plan in plans)
    changes = [change(operator, number * checks // CHANGES) for number in range(CHANGES)]
    shards = next(iter(operator.shards.values()))
    owners = {check.key: shard.worker for shard in shards.shards for check in shard.book.checks()}
    resizing = Stopwatch()
    with resizing.running():
        resize(shards, len(shards.members) + 1)
    moved = sum(owners[check.key] != shard.worker for shard in shards.shards for check in shard.book.checks())
    return Layout(
        checks=checks,
        pools=len(operator.shards),
        workers=len(plans),
        secrets=sum(len(plan.parts) for plan in plans),
        plan_bytes=sum(plan.size for plan in plans),
        longest_plan=max(plan.size for plan in plans),
        most_checks=max(plan.checks for plan in plans),
        encode_seconds=encode_seconds,
        change_seconds=statistics.median(cpu for cpu, _ in changes),
        change_bytes=round(statistics.median(sent for _, sent in changes)),
        moved=moved,
        pool_checks=len(shards),
        resize_seconds=resizing.seconds,
    )


def change(operator: Operator, number: int) -> tuple[float, int]:
    """Change one Check; give the CPU until its Secrets can be sent, and how long they are."""
    document = check_document(number)
    key = CheckKey(document["metadata"]["namespace"], document["metadata"]["name"])
    held = operator.store.checks[key]
    document["metadata"]["generation"] = held.generation + 1
    document["metadata"]["resourceVersion"] = str(int(held.resource_version) + 1)
    document["spec"]["periodSeconds"] = 40 + held.generation
    text = json.dumps(document).encode()
    shards = operator.all_shards()
    for shard in shards:
        shard.stale = False
    spent = Stopwatch()
    with spent.running():
        operator.take_in(text)
        operator.apply()
    (shard,) = [shard for shard in shards if shard.stale]
    before = dict(plan_secrets(shard.delivered, 1, shard)) if shard.delivered is not None else {}
    with spent.running():
        shard.delivered = shard.encode()
        secrets = plan_secrets(shard.delivered, 2, shard)
    sent = sum(len(value) for name, data in secrets if data != before.get(name) for value in data.values())
    return spent.seconds, sent


def leave_longest(operator: Operator, folder: Path) -> None:
    """Leave the longest plan for a worker, and the next one of the same worker."""
    longest = max(operator.all_shards(), key=lambda shard: shard.encode().size)
    save(longest.encode(), 1, folder / "first")
    check = next(iter(longest.book.checks()))
    longest.book.update({check.key: replace(check, period=LONGEST_PERIOD - 1)})
    save(longest.encode(), 2, folder / "next")
    longest.book.update({check.key: check})


def save(plan: EncodedPlan, revision: int, folder: Path) -> None:
    """Write a plan as a worker's volume has it."""
    folder.mkdir()
    (folder / "plan.json").write_bytes(plan.header(revision))
    for number, part in enumerate(plan.parts):
        (folder / f"part-{number:03}").write_bytes(part)


def load(folder: Path) -> tuple[bytes, bytes]:
    """Read a plan's header and payload."""
    parts = sorted(folder.glob("part-*"))
    return (folder / "plan.json").read_bytes(), b"".join(part.read_bytes() for part in parts)


class Breaths:
    """Notes for how long the event loop is held between two breaths."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.thread_time()

    async def breathe(self) -> None:
        """Let nobody run: nobody else is there."""
        now = time.thread_time()
        self.longest = max(self.longest, now - self._last)
        self._last = now


async def decode(decoder: PlanDecoder, folder: Path) -> tuple[Plan, float, float]:
    """Decode a plan; give it, the CPU it took, and the longest hold."""
    header, payload = load(folder)
    breaths, spent = Breaths(), Stopwatch()
    with spent.running():
        decoded = await decoder.decode(header, payload, breathe=breaths.breathe)
    await breaths.breathe()
    return decoded.plan, spent.seconds, breaths.longest


def work(folder: Path) -> WorkerFigures:
    """Run the worker's half: an hour of probing takes no time, its clock is moved on."""
    prepare_process()
    decoder = PlanDecoder()
    plan, decode_seconds, _ = asyncio.run(decode(decoder, folder / "first"))
    following, change_seconds, change_hold = asyncio.run(decode(decoder, folder / "next"))
    clock, network = FakeClock(), NoNetwork()
    series = SeriesStore()
    found = samples(1_000)

    async def take_sample(target: Target, _: Network) -> Sample:
        sample = found[hash(target.check.key) % len(found)]
        return sample if isinstance(target.check.probe, HttpProbe) else replace(sample, http=None)

    worker = Worker(
        network=Network(clock=clock, resolver=network, connector=network),
        series=series,
        metrics=WorkerMetrics(clock, LoopMonitor(clock)),
        feed=Feed(clock=clock),
        take_sample=take_sample,
    )

    async def probe() -> None:
        running = asyncio.create_task(worker.run())
        worker.apply(plan)
        await asyncio.sleep(2 * LONGEST_PERIOD)
        worker.apply(following)
        await asyncio.sleep(LONGEST_PERIOD)
        worker.stop()
        await running

    run_in_fake_time(clock, probe())
    resident = resident_bytes("self")
    page = b"".join(series.render(Exposition.TEXT))
    return WorkerFigures(
        checks=len(plan.checks),
        decode_seconds=decode_seconds,
        change_seconds=change_seconds,
        change_hold=change_hold,
        cores=total_cost(plan.checks),
        resident_bytes=resident,
        series=page.count(b"\n") - page.count(b"\n#") - 1,
        page_bytes=len(page),
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--operator", number, path]:
            print(json.dumps(asdict(operate(int(number), Path(path)))))
        case ["--worker", path]:
            print(json.dumps(asdict(work(Path(path)))))
        case _:
            sys.exit(__doc__)
