"""Plan folders as an operator and a kubelet leave them to a worker."""

from dataclasses import dataclass, field
from pathlib import Path

from pollwatch.plan.checks import CheckPlan, Plan
from pollwatch.plan.codec import EncodedPlan, PlanEncoder
from pollwatch.worker.keys import Keys, authorization
from tests.cluster.processes.atomic_volume import write_atomically

KEYS = Keys(
    feed_tokens=("feed-token-of-the-tests",), plan_keys=("cGxhbi1rZXktb2YtdGhlLXRlc3RzLTMyLWJ5dGVzLi4=",)
)
AUTHORIZED = authorization(KEYS.feed_tokens[0])


def encode(*checks: CheckPlan, pool: str = "east", worker: str = "east-0") -> EncodedPlan:
    """Encode a plan of these Checks."""
    plan = Plan(checks=tuple(sorted(checks, key=lambda check: check.key)))
    return PlanEncoder(pool=pool, worker=worker).encode(plan)


def files_of(plan: EncodedPlan | None, *, revision: int = 1, keys: Keys | None = KEYS) -> dict[str, bytes]:
    """Give the files that a worker finds, by name."""
    files: dict[str, bytes] = {}
    if keys is not None:
        files["keys.json"] = keys.document()
    if plan is not None:
        files |= {f"part-{number:03}": part for number, part in enumerate(plan.parts)}
        files["plan.json"] = plan.header(revision)
    return files


def sealed(plan: EncodedPlan, *, revision: int, keys: Keys = KEYS) -> bytes:
    """Make the body of a push."""
    return keys.plan_box.seal(plan.header(revision) + b"\n" + plan.payload)


@dataclass
class Folder:
    """A plan folder."""

    path: Path
    keys: Keys | None = field(default=KEYS)

    def edit(self, *checks: CheckPlan, revision: int = 1) -> None:
        """Write the files one by one, as a person does."""
        for name, content in files_of(encode(*checks), revision=revision, keys=self.keys).items():
            (self.path / name).write_bytes(content)

    def swap(self, *checks: CheckPlan, revision: int = 1) -> None:
        """Replace all files at once, as a kubelet does."""
        self.swap_files(files_of(encode(*checks), revision=revision, keys=self.keys))

    def swap_files(self, files: dict[str, bytes]) -> None:
        """Replace all files at once by these."""
        write_atomically(self.path, files)
