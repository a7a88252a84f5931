"""Names of ours for a device's names, budgets, and which partial a getfile goes on with."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.language import items, names
from commands.language.errors import Refused
from commands.language.names import Name
from server.audit.session import SessionJournal
from server.config import Limits
from server.evidence.incoming import Incoming
from server.evidence.room import EvidenceRoom, safe_name
from server.live.job import Job
from tests.evidence.conftest import feed, into, sha256

Getfile = Callable[[int, str], Job]


@pytest.mark.parametrize(
    ("device", "ours"),
    [
        ("/etc/hosts", "hosts"),
        ("C:\\Users\\alice\\x y.txt", "x y.txt"),
        ("/tmp/a\\b", "a_b"),
        ("/tmp/..", "_.._"),
        ("/tmp/.profile", "_.profile_"),
        ("/tmp/x.partial", "_x.partial_"),
        ("/tmp/x.partial.zip", "_x.partial.zip_"),
        ("/", "file"),
        ("", "file"),
        ("raw:/tmp/b%FFc", "b_xffc"),
        ("/tmp/a\nb\x1b[2J", "a_x0ab_x1b_2J"),
        ("/tmp/2026-01-01T10:00.log", "2026-01-01T10_00.log"),
        ("raw:/tmp/%u1234", "_"),
    ],
)
def test_a_devices_name_becomes_a_plain_one(device: str, ours: str) -> None:
    assert safe_name(Name(device)) == ours


@given(st.binary(max_size=400))
def test_no_name_is_ever_a_path_or_too_long(data: bytes) -> None:
    name = safe_name(names.from_bytes(b"/tmp/" + data))
    assert 0 < len(name) <= 120
    assert "/" not in name and "\0" not in name
    assert not name.startswith(".") and name.isascii() and name.isprintable()
    assert not name.endswith(".partial")


@given(st.text(max_size=400))
def test_no_text_is_ever_a_path_either(text: str) -> None:
    name = safe_name(names.from_text(text))
    assert 0 < len(name) <= 120 and "/" not in name and "\\" not in name
    assert not name.startswith(".") and name.isascii() and name.isprintable()


def begun(room: EvidenceRoom, session: SessionJournal, job: Job, into: items.Into) -> Incoming:
    return room.incoming(session, job.number, job.command, into)


async def cut_off(room: EvidenceRoom, session: SessionJournal, job: Job, data: bytes) -> None:
    file = begun(room, session, job, into(job.typed.text.split('"')[1], 1000))
    await feed(file, data)
    await file.keep_partial()


async def test_the_same_getfile_in_the_same_session_goes_on(
    session: SessionJournal, getfile: Getfile
) -> None:
    room = EvidenceRoom(Limits(reserve_bytes=0))
    first = getfile(1, "/var/log/x")
    assert room.have(session, first.command) == (0, None)
    await cut_off(room, session, first, b"half")
    for path in ("/var/log/x", "x", "log/x"):
        assert room.have(session, getfile(2, path).command) == (4, sha256(b"half"))
    assert room.have(session, getfile(2, "/var/log/y").command) == (0, None)
    second = getfile(3, "x")
    file = begun(room, session, second, into("/var/log/x", 9, 4))
    await feed(file, b" more")
    file.expected = items.Taken(9, sha256(b"half more"))
    assert (await file.take()).name == "x"
    assert (session.evidence / "x").read_bytes() == b"half more"


async def test_a_device_that_starts_anew_begins_an_empty_file(
    session: SessionJournal, getfile: Getfile
) -> None:
    room = EvidenceRoom(Limits(reserve_bytes=0))
    await cut_off(room, session, getfile(1, "/x"), b"half")
    file = begun(room, session, getfile(2, "/x"), into("/x", 3))
    await feed(file, b"new")
    file.expected = items.Taken(3, sha256(b"new"))
    assert (await file.take()).bytes == 3


@pytest.mark.parametrize("offset", [1, 3, 5, 1 << 40])
async def test_an_offset_that_nobody_asked_for_is_refused(
    session: SessionJournal, getfile: Getfile, offset: int
) -> None:
    room = EvidenceRoom(Limits(reserve_bytes=0))
    await cut_off(room, session, getfile(1, "/x"), b"half")
    with pytest.raises(Refused, match="which nobody asked for"):
        begun(room, session, getfile(2, "/x"), into("/x", 1 << 41, offset))


async def test_partials_are_another_sessions_business(
    session: SessionJournal, getfile: Getfile
) -> None:
    room = EvidenceRoom(Limits(reserve_bytes=0))
    await cut_off(room, session, getfile(1, "/x"), b"half")
    await session.end("over")
    await asyncio.sleep(0)  # the future's callbacks
    assert room.have(session, getfile(2, "/x").command) == (0, None)


async def test_the_budget_ends_the_command_that_reaches_it(
    session: SessionJournal, getfile: Getfile
) -> None:
    room = EvidenceRoom(Limits(evidence_bytes=10, reserve_bytes=0))
    with pytest.raises(Refused, match="the evidence of S1 has reached 10 bytes"):
        begun(room, session, getfile(1, "/x"), into("/x", 11))
    first = begun(room, session, getfile(2, "/x"), into("/x", None))
    second = begun(room, session, getfile(3, "/y"), into("/y", None))
    first.feed(b"123456")
    second.feed(b"1234")
    with pytest.raises(Refused, match="has reached 10 bytes"):
        second.feed(b"5")
    for file in (first, second):
        await file.keep_partial()
    assert (session.evidence / "y.partial").read_bytes() == b"1234"
