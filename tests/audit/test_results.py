"""Result files: whole by digest, readable while they grow, within a budget."""

import asyncio
import errno
import hashlib
import os
from pathlib import Path

import pytest

from server.audit.errors import RecordingBroken, RecordingFull
from server.audit.results import SYNC_EVERY, Budget, Kind, ResultFile, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "results" / "S1"
    folder.mkdir(parents=True)
    return folder / "12.res"


async def test_its_digest_is_that_of_stock_tools(path: Path) -> None:
    result = ResultFile.create(path, Budget(1 << 20))
    result.write(Kind.ROW, b'{"pid":1}')
    result.write(Kind.STDERR, b"\xff\x00")
    digest = await result.close()
    raw = path.read_bytes()
    assert digest == (hashlib.sha256(raw).hexdigest(), len(raw))
    assert await result.close() == digest


async def test_it_is_read_while_it_grows(path: Path) -> None:
    result = ResultFile.create(path, Budget(1 << 20))
    for count in range(1, 4):
        result.write(Kind.ROW, b"%d" % count)
        assert [chunk.data for chunk in read(path)] == [b"1", b"2", b"3"][:count]
    await result.close()


async def test_stdout_and_stderr_stay_apart_and_whole(path: Path) -> None:
    result = ResultFile.create(path, Budget(1 << 24))
    out, err = bytes(range(256)) * 9000, b"! denied\n"
    result.write(Kind.STDOUT, out)
    result.write(Kind.STDERR, err)
    await result.close()
    found = {Kind.STDOUT: b"", Kind.STDERR: b""}
    for chunk in read(path):
        found[chunk.kind] += chunk.data
    assert (found[Kind.STDOUT], found[Kind.STDERR]) == (out, err)


async def test_the_sessions_results_share_one_budget(path: Path) -> None:
    budget = Budget(1000)
    first = ResultFile.create(path, budget)
    second = ResultFile.create(path.with_name("13.res"), budget)
    first.write(Kind.STDOUT, bytes(600))
    with pytest.raises(RecordingFull, match="budget of 1,000 bytes"):
        second.write(Kind.STDOUT, bytes(600))
    second.write(Kind.NOTE, b"full")
    await first.close()
    await second.close()


async def test_a_command_has_one_result(path: Path) -> None:
    first = ResultFile.create(path, Budget(1000))
    with pytest.raises(FileExistsError):
        ResultFile.create(path, Budget(1000))
    await first.close()
    with pytest.raises(RecordingBroken, match="S1#12 is closed"):
        first.write(Kind.NOTE, b"late")


@pytest.mark.parametrize("which", ["while it grows", "at its end"])
async def test_a_result_of_which_a_sync_failed_is_not_said_to_be_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """The kernel tells of a lost page once: what a later sync says is not the whole truth."""
    result = ResultFile.create(path, Budget(2 * SYNC_EVERY))
    if which == "while it grows":
        result.write(Kind.STDOUT, bytes(SYNC_EVERY - 1000))
    monkeypatch.setattr(os, "fdatasync", _lost)
    result.write(Kind.STDOUT, bytes(1000))
    if which == "while it grows":
        assert result._syncing is not None
        await asyncio.wait([result._syncing])
        monkeypatch.undo()
    for _ in range(2):
        with pytest.raises(RecordingBroken, match="the result is not on the disk: .*error"):
            await result.close()


def _lost(descriptor: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))
