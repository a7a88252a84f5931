"""One fsync of a folder serves all that wait for it, and never one that came too late for it."""

import asyncio
import threading
from pathlib import Path

import pytest

from server.audit import folder_sync, folders
from server.audit.folder_sync import FolderSync, NewName


class Disk:
    """The real fsync, held and counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.real = folders.sync_folder
        self.count = 0
        self.begun, self.may = threading.Event(), threading.Event()
        monkeypatch.setattr(folder_sync, "sync_folder", self.sync)

    def sync(self, path: Path) -> None:
        self.count += 1
        self.begun.set()
        self.may.wait(10)
        self.real(path)


async def test_who_comes_while_one_runs_waits_for_the_next_with_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, folder = Disk(monkeypatch), FolderSync(tmp_path)
    first = [asyncio.create_task(folder.sync()) for _ in range(20)]
    await asyncio.to_thread(disk.begun.wait, 10)
    later = [asyncio.create_task(folder.sync()) for _ in range(20)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert disk.count == 1 and not any(task.done() for task in [*first, *later])
    disk.may.set()
    await asyncio.gather(*first, *later)
    assert disk.count == 2


async def test_each_that_comes_alone_has_one_of_its_own(tmp_path: Path) -> None:
    folder = FolderSync(tmp_path)
    for _ in range(3):
        await folder.sync()


async def test_an_error_is_everybodys_and_the_next_one_tries_again(tmp_path: Path) -> None:
    folder = FolderSync(tmp_path / "gone")
    ran = await asyncio.gather(folder.sync(), folder.sync(), return_exceptions=True)
    assert all(isinstance(one, FileNotFoundError) for one in ran)
    (tmp_path / "gone").mkdir()
    await folder.sync()


async def test_who_gives_up_waiting_stops_nobody_else(tmp_path: Path) -> None:
    folder = FolderSync(tmp_path)
    impatient, patient = asyncio.create_task(folder.sync()), asyncio.create_task(folder.sync())
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    assert impatient.cancelled()


async def test_a_new_name_is_on_its_way_to_the_disk_before_it_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, folder = Disk(monkeypatch), FolderSync(tmp_path)
    names = [NewName(folder) for _ in range(5)]
    await asyncio.to_thread(disk.begun.wait, 10)
    disk.may.set()
    for name in [*names, *names]:
        await name.durable()
    assert disk.count == 1


async def test_a_new_name_that_was_not_made_durable_is_tried_again(tmp_path: Path) -> None:
    name = NewName(FolderSync(tmp_path / "gone"))
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            await name.durable()
    (tmp_path / "gone").mkdir()
    await name.durable()
