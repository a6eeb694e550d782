"""The plan folder: whichever way it is changed, it is read whole and soon."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from pollwatch.worker import plan_folder
from pollwatch.worker.plan_folder import FolderError, PlanFiles, PlanFolder, follow
from tests.support.plan_folders import KEYS, Folder, encode
from tests.support.plans import make_check
from tests.support.waiting import until

CHECKS = tuple(make_check(f"check-{number}") for number in range(5))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / "plan"
    path.mkdir()
    return Folder(path)


def change_by_swap(folder: Folder) -> None:
    folder.swap(*CHECKS, revision=2)


def change_by_edit(folder: Folder) -> None:
    folder.edit(*CHECKS, revision=2)


both_ways = pytest.mark.parametrize("change", [change_by_swap, change_by_edit], ids=["kubelet", "person"])


@both_ways
def test_all_files_are_read_and_only_when_one_of_them_has_changed(
    folder: Folder, change: Callable[[Folder], None]
) -> None:
    reader = PlanFolder(folder.path)
    assert reader.read() == PlanFiles(None, (), None)
    assert reader.read() is None
    change(folder)
    plan = encode(*CHECKS)
    assert reader.read() == PlanFiles(plan.header(2), plan.parts, KEYS.document())
    assert reader.read() is None
    (folder.path / "notes.txt").write_text("of no interest")
    assert reader.read() is None


def test_files_are_all_of_one_moment_also_if_they_are_swapped_while_they_are_read(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.swap(make_check("before"), revision=1)
    reader = PlanFolder(folder.path)
    read_bytes = Path.read_bytes

    def read_slowly(path: Path) -> bytes:
        content = read_bytes(path)
        if path.name == "plan.json":
            monkeypatch.setattr(Path, "read_bytes", read_bytes)
            folder.swap(make_check("after"), revision=2)
        return content

    monkeypatch.setattr(Path, "read_bytes", read_slowly)
    # The folder that was being read is gone: that is said, and never half of it taken.
    with pytest.raises(FolderError, match="no such file"):
        reader.read()
    after = encode(make_check("after"))
    assert reader.read() == PlanFiles(after.header(2), after.parts, KEYS.document())


def test_what_cannot_be_read_is_one_line_and_is_tried_again(folder: Folder) -> None:
    reader = PlanFolder(folder.path)
    (folder.path / "plan.json").mkdir()
    for _ in range(2):
        with pytest.raises(FolderError, match=r"^\S+/plan.json: is a directory$"):
            reader.read()
    (folder.path / "plan.json").rmdir()
    assert reader.read() is not None


def test_a_folder_that_is_gone_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"^\S+/gone: no such file or directory$"):
        PlanFolder(tmp_path / "gone").read()


def test_a_folder_that_is_too_large_is_not_read(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.edit(*CHECKS)
    monkeypatch.setattr(plan_folder, "MAX_BYTES", 100)
    with pytest.raises(FolderError, match=r"a plan has at most 100$"):
        PlanFolder(folder.path).read()


class Taker:
    """Takes what is read, and says whether it is usable."""

    def __init__(self) -> None:
        self.taken: list[PlanFiles | FolderError] = []
        self.settled: list[bool] = []
        self.usable = True

    async def __call__(self, found: PlanFiles | FolderError, *, settled: bool) -> bool:
        self.taken.append(found)
        self.settled.append(settled)
        return self.usable

    def has(self, revision: int) -> bool:
        return revision in self.revisions

    @property
    def revisions(self) -> list[int]:
        """Of the plans that were taken."""
        headers = [found.header for found in self.taken if isinstance(found, PlanFiles)]
        return [int(header.partition(b'"revision":')[2].partition(b",")[0]) for header in headers if header]


@asynccontextmanager
async def following(folder: Folder) -> AsyncIterator[Taker]:
    taker = Taker()
    task = asyncio.create_task(follow(PlanFolder(folder.path), taker))
    try:
        await until(lambda: taker.taken, "the first look")
        yield taker
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@both_ways
async def test_a_change_is_noticed_through_inotify(
    folder: Folder, change: Callable[[Folder], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_folder, "POLL", 3600.0)
    async with following(folder) as taker:
        change(folder)
        await until(lambda: 2 in taker.revisions, "the change")


@both_ways
async def test_a_change_is_noticed_where_nothing_tells_of_it(
    folder: Folder, change: Callable[[Folder], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def blind(*_: object, **__: object) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    monkeypatch.setattr(plan_folder, "awatch", blind)
    monkeypatch.setattr(plan_folder, "POLL", 0.05)
    async with following(folder) as taker:
        change(folder)
        await until(lambda: 2 in taker.revisions, "the change")


async def test_a_folder_that_cannot_be_watched_is_looked_at_and_that_is_said_once(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(plan_folder, "awatch", full)
    monkeypatch.setattr(plan_folder, "POLL", 0.05)
    async with following(folder) as taker:
        folder.edit(*CHECKS, revision=2)
        await until(lambda: 2 in taker.revisions, "the change")
    assert [record.message for record in caplog.records] == [
        "changes of the plan folder are noticed late: it cannot be watched"
    ]


async def test_what_is_not_usable_is_given_again_once_nobody_edits_it_any_more(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_folder, "POLL", 3600.0)
    monkeypatch.setattr(plan_folder, "SETTLED", 0.05)
    async with following(folder) as taker:
        taker.usable = False
        folder.edit(*CHECKS, revision=2)
        await until(lambda: taker.settled[-1], "a second look")
        # It was told that it is settled: there is no third look.
        assert taker.settled.count(True) == 1
        assert taker.taken[-1] == taker.taken[-2]


async def test_an_edit_under_way_is_not_settled_however_long_it_takes(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_folder, "POLL", 3600.0)
    monkeypatch.setattr(plan_folder, "SETTLED", 3600.0)
    async with following(folder) as taker:
        taker.usable = False
        for revision in (2, 3, 4):
            folder.swap(*CHECKS, revision=revision)
            await until(partial(taker.has, revision), "the change")
        assert not any(taker.settled)


async def test_a_folder_that_cannot_be_read_is_settled_at_the_second_look(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_folder, "POLL", 3600.0)
    monkeypatch.setattr(plan_folder, "SETTLED", 0.05)
    async with following(folder) as taker:
        taker.usable = False
        (folder.path / "keys.json").mkdir()
        await until(lambda: taker.settled[-1], "a second look")
        assert isinstance(taker.taken[-1], FolderError)
