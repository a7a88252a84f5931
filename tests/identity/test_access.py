"""The rules in force: followed without a restart, and a bad file changes nothing."""

import asyncio
import contextlib
import itertools
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.identity import access as module
from server.identity.access import Access, AccessFileError, Rules, changed_lines
from server.identity.access_file import read_access_file

ONE = "people: {alice: {}}\nrules: []\n"
TWO = "people: {bobby: {}}\nrules: []\n"  # of the same length
BAD = "people: {carol: {keyz: []}}\nrules: []\n"


class Told:
    """What was journaled, with the rules that were in force meanwhile; `told` wakes a waiter."""

    def __init__(self) -> None:
        self.loads: list[tuple[str, list[str], set[str]]] = []
        self.refusals: list[str] = []
        self.told = asyncio.Condition()
        self.access: Access | None = None

    async def loaded(self, sha256: str, lines: list[str]) -> None:
        async with self.told:
            now = set(self.access.rules.people) if self.access else set()
            self.loads.append((sha256, lines, now))
            self.told.notify_all()

    async def refused(self, message: str) -> None:
        async with self.told:
            self.refusals.append(message)
            self.told.notify_all()


@pytest.fixture
async def told() -> Told:
    return Told()


@pytest.fixture
async def access(tmp_path: Path, told: Told) -> Access:
    (tmp_path / "access.yaml").write_text(ONE)
    told.access = await Access.open(tmp_path / "access.yaml", {}, told.loaded, told.refused)
    return told.access


async def test_the_first_loading_is_journaled_and_a_bad_file_stops_the_start(
    access: Access, told: Told
) -> None:
    assert told.loads == [
        (access.rules.sha256, ["+1 people: {alice: {}}", "+2 rules: []", "+3 "], set())
    ]
    access.path.write_text(BAD)
    with pytest.raises(AccessFileError, match="line 1"):
        await Access.open(access.path, {}, told.loaded, told.refused)
    assert len(told.loads) == 1


async def test_new_rules_are_journaled_before_they_are_in_force(access: Access, told: Told) -> None:
    seen: list[Rules] = []
    access.changed.append(seen.append)
    assert not await access.reload_if_changed()
    access.path.write_text(ONE.replace("alice: {}", "alice: {}, dora: {}"))
    assert await access.reload_if_changed()
    assert told.loads[1] == (
        access.rules.sha256,
        ["-1 people: {alice: {}}", "+1 people: {alice: {}, dora: {}}"],
        {"alice"},
    )
    assert set(access.rules.people) == {"alice", "dora"}
    assert seen == [access.rules]
    assert not await access.reload_if_changed()


async def test_an_edit_that_keeps_size_inode_and_times_is_seen(access: Access) -> None:
    before = access.path.stat()
    with access.path.open("r+") as file:
        file.write(TWO)
    os.utime(access.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert await access.reload_if_changed()
    assert set(access.rules.people) == {"bobby"}


async def test_a_bad_file_is_told_once_and_the_old_rules_stay(access: Access, told: Told) -> None:
    access.path.write_text(BAD)
    for _ in range(3):
        assert not await access.reload_if_changed()
    assert told.refusals == [
        "access.yaml line 1, people.carol.keyz: keyz is no key here; known: keys, groups, "
        "accounts; the rules before it stay in force"
    ]
    assert set(access.rules.people) == {"alice"}
    access.path.unlink()
    for _ in range(2):
        assert not await access.reload_if_changed()
    assert "cannot be read: No such file" in told.refusals[1]
    access.path.write_text(ONE)
    assert not await access.reload_if_changed()
    access.path.write_text(BAD)
    await access.reload_if_changed()
    assert len(told.refusals) == 3
    assert len(told.loads) == 1


async def test_who_mends_a_bad_file_reads_in_the_log_that_it_is_in_force(
    access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "server.identity.access")
    for text in (BAD, ONE, TWO):
        access.path.write_text(text)
        await access.reload_if_changed()
    assert [record.getMessage() for record in caplog.records] == [
        "access.yaml is again what is in force",
        "access.yaml is in force as it stands now",
    ]


async def test_a_file_that_does_not_stand_still_is_not_taken(
    access: Access, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLE", 0.001)
    numbers = itertools.count()

    def written_between_any_two_readings(path: Path) -> bytes:
        path.write_text(f"{TWO}# {next(numbers)}\n")
        return read_access_file(path)

    monkeypatch.setattr(module, "read_access_file", written_between_any_two_readings)
    assert not await access.reload_if_changed()
    monkeypatch.undo()
    assert "does not stand still" in told.refusals[0]
    assert set(access.rules.people) == {"alice"}
    assert await access.reload_if_changed()


@pytest.fixture
async def watching(access: Access) -> AsyncIterator[Access]:
    task = asyncio.create_task(access.watch())
    yield access
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_watching_puts_new_rules_in_force_within_a_second(
    watching: Access, told: Told
) -> None:
    async with told.told, asyncio.timeout(1.0):
        beside = watching.path.with_suffix(".new")
        beside.write_text(TWO)
        beside.replace(watching.path)
        await told.told.wait_for(lambda: len(told.loads) == 2)
    async with told.told, asyncio.timeout(1.0):
        watching.path.write_text(BAD)
        await told.told.wait_for(lambda: bool(told.refusals))
    assert set(watching.rules.people) == {"bobby"}


def test_changed_lines_are_bounded_in_number_and_length() -> None:
    new = tuple(f"{'x' * 1000}{i}" for i in range(500))
    found = changed_lines(("a",), new)
    assert len(found) == 201
    assert found[-1] == "and 301 more lines"
    assert max(map(len, found)) < 210
    assert changed_lines(("a", "b", "c"), ("a", "c", "d")) == ["-2 b", "+3 d"]
