"""A session's recording: written at once, durable soon, cut back when short."""

import asyncio
import os
import resource
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from server.audit.chunks import COMMIT, Chunk, Kind, Reader
from server.audit.errors import RecordingBroken, RecordingFull
from server.audit.recording import Recording
from server.audit.syncing import Timing


def make(tmp_path: Path, **settings: object) -> Recording:
    values: dict[str, object] = {"budget": 1 << 20, **settings}
    return Recording.create(tmp_path / "S1.rec", started="2026-11-24T14:02:51.000Z", **values)  # type: ignore[arg-type]


async def synced(recording: Recording) -> None:
    """Until an fsync that it waits for by itself has come."""
    told = asyncio.Event()
    recording._sync.on_synced = told.set
    await asyncio.wait_for(told.wait(), 5)


@pytest.fixture
async def recording(tmp_path: Path) -> AsyncIterator[Recording]:
    recording = make(tmp_path)
    yield recording
    await recording.close()


def chunks(recording: Recording) -> list[Chunk]:
    reader = Reader(recording.path)
    found = list(reader)
    assert reader.tail.what == ""
    return found


class Counted(ThreadPoolExecutor):
    """Threads that say how often they were given something to do."""

    def __init__(self) -> None:
        super().__init__(1)
        self.visits = 0

    def submit(self, *values: Any, **named: Any) -> "Future[Any]":
        self.visits += 1
        return super().submit(*values, **named)


async def test_bytes_are_in_the_file_when_write_returns(recording: Recording) -> None:
    recording.write(Kind.OUTPUT, 3, b"\x1b[31mred\xff")
    last = chunks(recording)[-1]
    assert (last.kind, last.terminal, last.data) == (Kind.OUTPUT, 3, b"\x1b[31mred\xff")


async def test_what_is_typed_without_echo_is_only_its_length(recording: Recording) -> None:
    recording.quiet(1, len(b"hunter2"))
    recording.masked(1, 9)
    assert b"hunter2" not in recording.path.read_bytes()
    assert [int.from_bytes(chunk.data, "big") for chunk in chunks(recording)[-2:]] == [7, 9]


async def test_large_pieces_are_split_and_come_back_whole(tmp_path: Path) -> None:
    recording = make(tmp_path, budget=1 << 24)
    recording.write(Kind.OUTPUT, 1, bytes(3 << 20))
    assert b"".join(chunk.data for chunk in chunks(recording)[1:]) == bytes(3 << 20)
    await recording.close()


async def test_a_commit_says_what_is_durable(recording: Recording) -> None:
    recording.write(Kind.INPUT, 1, b"id\r")
    before = recording.position
    recording.commit()
    while recording.position == before:
        await recording._sync.wait()
        await asyncio.sleep(0)
    last = chunks(recording)[-1]
    assert last.kind is Kind.COMMIT
    assert COMMIT.unpack(last.data) == before


async def test_an_idle_recording_gets_no_more_commits(recording: Recording) -> None:
    recording.write(Kind.OUTPUT, 1, b"x")
    end = await recording.close()
    assert [chunk.kind for chunk in chunks(recording)] == [Kind.OPENED, Kind.OUTPUT, Kind.COMMIT]
    assert (end, recording.durable) == (recording.position, recording.position)
    assert await recording.close() == end


async def test_a_command_that_ends_with_its_session_is_on_the_disk_in_one_visit(
    tmp_path: Path,
) -> None:
    with Counted() as pool:
        recording = make(tmp_path, pool=pool)
        recording.marker(0, "#1 processes")
        recording.commit()
        end = await recording.close()
        assert pool.visits == 1
    kinds = [chunk.kind for chunk in chunks(recording)]
    assert kinds == [Kind.OPENED, Kind.MARKER, Kind.COMMIT]
    assert (end.offset, end) == (recording.path.stat().st_size, recording.durable)


async def test_a_last_commit_that_finds_no_space_is_left_out_and_all_else_is_durable(
    tmp_path: Path,
) -> None:
    recording = make(tmp_path)
    recording.write(Kind.OUTPUT, 1, b"the last words")
    whole = recording.position
    with file_limit(whole.offset + 20):
        end = await recording.close()
    assert (end, recording.durable) == (whole, whole)
    assert recording.path.stat().st_size == whole.offset
    assert chunks(recording)[-1].data == b"the last words"


async def test_strict_writes_return_durable(recording: Recording) -> None:
    await recording.write_durable(Kind.INPUT, 1, b"rm\r")
    durable = recording.path.read_bytes()[: recording.durable.offset]
    assert b"rm\r" in durable


async def test_an_fsync_comes_by_itself(recording: Recording) -> None:
    recording.write(Kind.OUTPUT, 1, b"x")
    await synced(recording)
    assert recording.durable == recording.position


async def test_a_full_budget_ends_this_recording_and_leaves_room_for_its_end(
    tmp_path: Path,
) -> None:
    recording = make(tmp_path, budget=2_000)
    with pytest.raises(RecordingFull, match="budget of 2,000 bytes"):
        while True:
            recording.write(Kind.OUTPUT, 1, bytes(100))
    recording.marker(1, "#1 shell")
    await recording.close()
    assert chunks(recording)[-1].kind is Kind.COMMIT


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Writes beyond `size` bytes of a file are short, then fail: as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


async def test_a_short_write_is_cut_back_to_the_last_whole_chunk(tmp_path: Path) -> None:
    recording = make(tmp_path)
    whole = recording.position
    with file_limit(whole.offset + 50), pytest.raises(RecordingBroken, match="no space"):
        recording.write(Kind.OUTPUT, 1, bytes(1000))
    assert recording.path.stat().st_size == whole.offset
    recording.write(Kind.OUTPUT, 1, b"room again")
    assert chunks(recording)[-1].data == b"room again"
    await recording.close()


async def test_a_write_that_fails_is_told_and_adds_nothing(tmp_path: Path) -> None:
    recording = make(tmp_path)
    whole = recording.position
    with file_limit(whole.offset), pytest.raises(RecordingBroken, match="cannot be written"):
        recording.write(Kind.OUTPUT, 1, b"x")
    assert recording.position == whole
    await recording.close()


async def test_a_slow_disk_freezes_then_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    real = os.fdatasync

    def slow(descriptor: int) -> None:
        release.wait(10)
        real(descriptor)

    monkeypatch.setattr("server.audit.syncing.os.fdatasync", slow)
    recording = make(tmp_path, timing=Timing(after=0.0, stall=0.05, lost=0.15))
    told: list[object] = []
    lost = asyncio.Event()
    recording.on_stall(told.append)
    recording.on_lost(lost.set)
    recording.write(Kind.OUTPUT, 1, b"x")
    await asyncio.wait_for(lost.wait(), 5)
    assert told == [True]
    with pytest.raises(RecordingBroken, match="not durable"):
        recording.write(Kind.OUTPUT, 1, b"y")
    release.set()
    await recording.close()


async def test_a_disk_that_recovers_thaws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    real = os.fdatasync

    def slow(descriptor: int) -> None:
        release.wait(10)
        real(descriptor)

    monkeypatch.setattr("server.audit.syncing.os.fdatasync", slow)
    recording = make(tmp_path, timing=Timing(after=0.0, stall=0.05, lost=30))
    told: asyncio.Queue[bool] = asyncio.Queue(4)
    recording.on_stall(told.put_nowait)
    recording.write(Kind.OUTPUT, 1, b"x")
    assert await asyncio.wait_for(told.get(), 5) is True
    release.set()
    assert await asyncio.wait_for(told.get(), 5) is False
    await recording.close()


async def test_a_failed_fsync_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    recording = make(tmp_path)
    lost = asyncio.Event()
    recording.on_lost(lost.set)
    monkeypatch.setattr("server.audit.syncing.os.fdatasync", fails)
    recording.write(Kind.OUTPUT, 1, b"x")
    await asyncio.wait_for(lost.wait(), 5)
    with pytest.raises(RecordingBroken, match="fsync failed"):
        recording.write(Kind.OUTPUT, 1, b"y")
    await recording.close()


async def test_what_only_tells_of_an_fsync_waits_for_more_to_follow(tmp_path: Path) -> None:
    with Counted() as pool:
        recording = make(tmp_path, pool=pool, timing=Timing(after=0.01, patient=30))
        await recording._sync.wait()
        recording.commit()
        assert chunks(recording)[-1].kind is Kind.COMMIT
        before = recording.durable
        recording.write(Kind.OUTPUT, 1, b"x")
        await synced(recording)
        assert before < recording.durable == recording.position
        assert pool.visits == 2
        await recording.close()


async def test_what_the_records_hold_too_waits_for_what_was_typed_or_shown(
    tmp_path: Path,
) -> None:
    timing = Timing(after=0.01, patient=30)
    (tmp_path / "shown").mkdir()
    with Counted() as pool:
        recording = make(tmp_path, pool=pool, timing=timing)
        recording.marker(0, "#1 shell")
        shown = make(tmp_path / "shown", timing=timing)
        shown.write(Kind.OUTPUT, 1, b"x")
        await synced(shown)
        assert pool.visits == 0
        recording.marker(1, "#1 signal INT")
        await synced(recording)
        assert (pool.visits, recording.durable) == (1, recording.position)
        await recording.close()
    await shown.close()


async def test_what_tells_of_an_fsync_is_durable_by_itself(tmp_path: Path) -> None:
    recording = make(tmp_path, timing=Timing(after=0.01, patient=0.02))
    await recording._sync.wait()
    recording.commit()
    assert recording.durable < recording.position
    await synced(recording)
    assert recording.durable == recording.position
    await recording.close()


async def test_a_recording_that_waited_is_not_taken_for_a_disk_that_does(tmp_path: Path) -> None:
    recording = make(tmp_path, timing=Timing(after=0.0, patient=0.15, stall=0.1))
    told: list[bool] = []
    recording.on_stall(told.append)
    await recording._sync.wait()
    recording.commit()
    await synced(recording)
    assert told == []
    await recording.close()
