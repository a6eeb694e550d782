"""Which Checks and targets are shown when there are more than lines on the screen."""

from collections.abc import Sequence
from dataclasses import dataclass

from pollwatch.cli.display.view import CheckRow, TargetRow
from pollwatch.cli.display.words import SEVERITY
from pollwatch.plan.states import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One Check as it is shown."""

    check: CheckRow
    targets: tuple[TargetRow, ...]
    """The targets with a line of their own; none when the Check has a single target."""
    more: int = 0
    """How many failing or unknown targets found no place."""

    @property
    def lines(self) -> int:
        """Lines on the screen."""
        return 1 + len(self.targets) + (1 if self.more else 0)


def fit(checks: Sequence[CheckRow], lines: int) -> tuple[Block, ...]:
    """Choose what is shown in `lines` lines.

    As long as all fit, each is shown in its place with all its targets. Then Checks that are
    Up keep one line and lose those of their targets; then the worst come first, with
    their bad targets, and the rest is left out.
    """
    everything = tuple(Block(check=check, targets=_own_lines(check.targets)) for check in checks)
    if _height(everything) <= lines:
        return everything
    terse = tuple(_terse(check) for check in checks)
    if _height(terse) <= lines:
        return terse
    room = max(1, lines - 1)  # a last line says how many are not shown
    blocks: list[Block] = []
    for block in sorted(terse, key=lambda block: SEVERITY[block.check.verdict]):
        cut = _cut(block, room)
        if cut is None:
            break
        blocks.append(cut)
        room -= cut.lines
    return tuple(blocks)


def _height(blocks: Sequence[Block]) -> int:
    return sum(block.lines for block in blocks)


def _own_lines(targets: tuple[TargetRow, ...]) -> tuple[TargetRow, ...]:
    """A single target is told in its Check's own line."""
    return targets if len(targets) > 1 else ()


def _terse(check: CheckRow) -> Block:
    bad = tuple(target for target in check.targets if target.verdict is not Verdict.UP)
    return Block(check=check, targets=bad if len(check.targets) > 1 else ())


def _cut(block: Block, lines: int) -> Block | None:
    """Shorten a block to `lines` lines; `None` when there is no room for any of it."""
    if lines < 1:
        return None
    if block.lines <= lines:
        return block
    kept = max(0, lines - 2)
    if not kept:
        return Block(check=block.check, targets=())
    return Block(check=block.check, targets=block.targets[:kept], more=len(block.targets) - kept)
