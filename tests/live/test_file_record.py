"""FILE chunks: merged ranges, a digest of what was sent, and one chunk a path and second."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from server.audit.chunks import Kind, Reader
from server.audit.errors import RecordingFull
from server.audit.recording import Recording
from server.live.file_record import RANGES, FileChunk, FileRecord, SentBytes


@pytest.fixture
async def recording(tmp_path: Path) -> Recording:
    return Recording.create(tmp_path / "S1.rec", started="", budget=1 << 20)


def chunks(recording: Recording) -> list[FileChunk]:
    return [
        msgspec.json.decode(chunk.data, type=FileChunk)
        for chunk in Reader(recording.path)
        if chunk.kind is Kind.FILE
    ]


async def test_an_open_file_is_said_at_once_and_summed_at_its_close(recording: Recording) -> None:
    sent = SentBytes(FileRecord(recording), "/etc/hosts")
    assert chunks(recording) == [FileChunk("open", "/etc/hosts")]
    big = bytes(range(256)) * 1024
    for offset, data in ((0, big), (len(big), b"end"), (7, b"again")):
        await sent.add(offset, data)
    await sent.end()
    assert chunks(recording)[-1] == FileChunk(
        "read",
        "/etc/hosts",
        ranges=[(0, len(big) + 3), (7, 12)],
        bytes=len(big) + 8,
        sha256=hashlib.sha256(big + b"endagain").hexdigest(),
    )
    await recording.close()


async def test_a_file_read_in_too_many_ranges_has_several_chunks(recording: Recording) -> None:
    sent = SentBytes(FileRecord(recording), "/x")
    for at in range(RANGES + 1):
        await sent.add(at * 10, b"a")
    await sent.end()
    _, first, last = chunks(recording)
    assert (len(first.ranges), first.more, last.ranges, last.more) == (
        *(RANGES, True),
        *([(RANGES * 10, RANGES * 10 + 1)], False),
    )
    await recording.close()


async def test_the_same_list_in_the_same_second_is_one_chunk(recording: Recording) -> None:
    record = FileRecord(recording)
    for _ in range(3):
        record.once("list", "/etc")
        record.once("stat", "/etc")
    record.once("list", "/var")
    assert [(c.did, c.path) for c in chunks(recording)] == [
        *(("list", "/etc"), ("stat", "/etc"), ("list", "/var")),
    ]
    await recording.close()


async def test_what_cannot_be_recorded_is_not_done(tmp_path: Path) -> None:
    recording = Recording.create(tmp_path / "S2.rec", started="", budget=300)
    record = FileRecord(recording)
    with pytest.raises(RecordingFull):
        for number in range(10):
            record.once("list", f"/folder-{number}")
    await recording.close()
