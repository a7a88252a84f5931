"""A write on a real stream and in a real journal; the device is played here, honest and not."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from commands.language import wire
from commands.language.errors import Failed, FirelineError, Refused, Unreachable
from commands.language.names import Name
from server.audit.journal import Journal
from server.audit.records import SessionOpened
from server.audit.session import SessionJournal
from server.live.change_record import ChangeRecord
from server.live.device_upload import DeviceUpload
from server.live.file_record import FileRecord, SentBytes
from server.store.sqlite import Store
from tests.endpoint_shim.waiting import until
from tests.live.test_files_user import FarEnd, Played

PATH = Name("/x")
HANDLE = 7


class Far(FarEnd):
    """A device that keeps what it is sent, and answers as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes: list[bytes] = []

    def send_binary(self, data: bytes) -> None:
        self.bytes.append(data)


class WithBytes(Played):
    def __init__(self) -> None:
        super().__init__()
        far = Far()
        self.stream.take(far)  # type: ignore[arg-type]
        self.far: Far = far


@dataclass
class Writing:
    """An upload under way."""

    played: WithBytes
    journal: SessionJournal
    upload: DeviceUpload
    judged: list[str] = field(default_factory=list)
    refusal: FirelineError | None = None

    def judge(self, word: str) -> None:
        self.judged.append(word)
        if self.refusal is not None:
            raise self.refusal

    async def answer(self, **more: Any) -> Any:
        request = await self.played.request()
        self.played.far.say(wire.Answer(id=request.id, **more))
        return request

    async def ended(self, store: Store) -> dict[str, Any]:
        """The change's end, as the store has it."""
        rows = await store.read(
            lambda c: c.execute("SELECT line FROM records WHERE kind = 'change_ended'").fetchall()
        )
        assert len(rows) == 1
        return dict(msgspec.json.decode(rows[0][0]))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "state" / "fireline.db")
    yield store
    await store.close()


@pytest.fixture
async def writing(store: Store) -> AsyncIterator[Writing]:
    journal = await Journal.open(store, store.path.parent)
    session = await journal.open_session(
        SessionOpened("alice", "k", "127.0.0.1", "d1", "web-01", "sftp", "c", "", "advanced", "r")
    )
    played, changes = WithBytes(), ChangeRecord(session)
    number = await changes.begun("write", PATH, "r")
    record = FileRecord(session.recording)
    writing = Writing(played, session, None)  # type: ignore[arg-type]
    writing.upload = DeviceUpload(
        played.user, PATH, HANDLE, changes, number, writing.judge, lambda: SentBytes(record, PATH)
    )
    yield writing
    played.stream.end("the test is over")
    await session.end("the test is over")
    await journal.close()


async def test_writes_go_out_in_order_and_are_answered_in_any(
    writing: Writing, store: Store
) -> None:
    pieces = [bytes([n]) * 70_000 for n in range(6)]
    writes = [
        asyncio.create_task(writing.upload.write(n * 70_000, piece))
        for n, piece in enumerate(pieces)
    ]
    requests = [await writing.played.request() for _ in pieces]
    assert [(r.handle, r.offset, r.length) for r in requests] == [
        (HANDLE, n * 70_000, 70_000) for n in range(6)
    ]
    assert b"".join(writing.played.far.bytes) == b"".join(pieces)
    for request in reversed(requests):
        writing.played.far.say(wire.Answer(id=request.id))
    await asyncio.gather(*writes)
    digest = hashlib.sha256(b"".join(pieces)).hexdigest()
    closing_it = asyncio.create_task(writing.upload.close())
    await writing.answer(sha256=digest)
    await closing_it
    ended = await writing.ended(store)
    assert (ended["state"], ended["bytes"], ended["sha256"]) == ("completed", 420_000, digest)
    assert ended["ranges"] == [[0, 420_000]]


@pytest.mark.parametrize("said", [None, "0" * 64])
async def test_another_digest_than_what_was_sent_is_no_success(
    writing: Writing, store: Store, said: str | None
) -> None:
    wrote = asyncio.create_task(writing.upload.write(0, b"x"))
    await writing.answer()
    await wrote
    closing_it = asyncio.create_task(writing.upload.close())
    await writing.answer(sha256=said)
    with pytest.raises(Failed, match="another digest"):
        await closing_it
    assert (await writing.ended(store))["state"] == "failed"


async def test_a_write_that_failed_leaves_no_whole_file(writing: Writing, store: Store) -> None:
    wrote = asyncio.create_task(writing.upload.write(0, b"x"))
    await writing.answer(error="no space is left", code="failed", errno=28)
    with pytest.raises(Failed, match="no space"):
        await wrote
    with pytest.raises(Failed, match="is not whole: web-01: no space is left"):
        await writing.upload.close()
    assert (await writing.ended(store))["state"] == "failed"
    assert not any(isinstance(one, wire.CloseFile) for one in writing.played.far.got)


async def test_a_right_that_is_taken_away_meanwhile_leaves_no_file(
    writing: Writing, store: Store
) -> None:
    wrote = asyncio.create_task(writing.upload.write(0, b"x"))
    await writing.answer()
    await wrote
    writing.refusal = Refused("putfile is denied")
    with pytest.raises(Refused, match="denied"):
        await writing.upload.close()
    assert (await writing.ended(store))["state"] == "failed"
    assert writing.played.far.got == []


async def test_a_device_that_goes_leaves_the_outcome_open(writing: Writing, store: Store) -> None:
    wrote = asyncio.create_task(writing.upload.write(0, b"x"))
    await writing.played.request()
    writing.played.stream.end("the stream did not come back")
    with pytest.raises(Unreachable):
        await wrote
    await writing.upload.drop()
    assert (await writing.ended(store))["state"] == "interrupted"


async def test_a_device_that_takes_nothing_is_waited_for_in_bounded_memory(
    writing: Writing,
) -> None:
    piece, writes = bytes(200_000), []
    writing.played.far.writable = True
    for n in range(64):
        writes.append(asyncio.create_task(writing.upload.write(n * 200_000, piece)))

    def sent() -> int:
        return sum(map(len, writing.played.far.bytes))

    await until(lambda: sent() >= wire.WINDOW)  # what is written is hashed in a thread first
    for _ in range(200):
        await asyncio.sleep(0)
    assert sent() < 2 * wire.WINDOW
    for write in writes:
        write.cancel()
    for write in writes:
        with suppress(asyncio.CancelledError):
            await write


@pytest.mark.parametrize("lie", [{"bytes": 3}, {"handle": 3}])
async def test_an_answer_with_more_than_was_asked_for_is_taken_for_no_bytes(
    writing: Writing, lie: dict[str, int]
) -> None:
    wrote = asyncio.create_task(writing.upload.write(0, b"x"))
    await writing.answer(**lie)
    if "bytes" in lie:
        with pytest.raises(Unreachable):
            await wrote
        assert writing.played.violations
    else:
        await wrote
