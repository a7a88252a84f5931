"""A real store, journal and session in a folder of the test's own, and jobs that take files."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from commands.getfile import GetFile
from commands.language import items
from commands.language.line import parse
from commands.language.names import Name
from server.audit.journal import Journal
from server.audit.records import SessionOpened
from server.audit.session import SessionJournal
from server.evidence.incoming import Incoming
from server.live.job import Job
from server.store.sqlite import Store


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    store = await Store.open(tmp_path / "state" / "fireline.db")
    journal = await Journal.open(store, store.path.parent)
    yield journal
    for session in list(journal.live.values()):
        await session.end("the test is over")
    await journal.close()
    await store.close()


@pytest.fixture
def opened() -> SessionOpened:
    return SessionOpened(
        person="alice",
        key="SHA256:Xk3f9aQ2",
        source="127.0.0.1",
        device_id="d1",
        device="web-02",
        door="console",
        client="OpenSSH_9.2",
        comment="INC-4711",
        role="advanced",
        rule="prod-responders",
    )


@pytest.fixture
async def session(journal: Journal, opened: SessionOpened) -> SessionJournal:
    return await journal.open_session(opened)


@pytest.fixture
def getfile(session: SessionJournal) -> Callable[[int, str], Job]:
    """A getfile of the session, as its job is made; nothing runs it."""

    def make(number: int, path: str) -> Job:
        typed = parse(f'getfile "{path}"')
        assert isinstance(typed.command, GetFile)
        return Job(number, typed, typed.command, session, "web-02")

    return make


def into(path: str, size: int | None, offset: int = 0) -> items.Into:
    return items.Into("file", Name(path), size=size, offset=offset)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def feed(incoming: Incoming, data: bytes, piece: int = 65_536) -> None:
    """Feeds as the stream does, waiting where it says that it is full."""
    for at in range(0, len(data), piece):
        drained = asyncio.Event()
        incoming.on_drained = drained.set
        if not incoming.feed(data[at : at + piece]) and incoming.failed is None:
            await drained.wait()
