"""What a killed broker leaves, and what the next one makes of it."""

import asyncio
import json
import random
import signal
import sys
from pathlib import Path

import pytest

from server.audit.chain import check
from server.audit.chunks import Kind, Reader
from server.audit.journal import Journal
from server.audit.records import (
    Body,
    ChangeBegun,
    ChangeEnded,
    CommandTyped,
    Decided,
    Ended,
    Recovered,
    SessionEnded,
    SessionOpened,
    Started,
)
from server.audit.verify import verify
from server.store import records
from server.store.sqlite import RecordRow, Store

PROGRAM = Path(__file__).with_name("writer_program.py")


async def kill_a_writer(state: Path, after: int) -> tuple[str, int, int]:
    """Run the program until it acknowledged `after` records, kill it; its last words."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        str(state),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert program.stdout is not None
    lines: list[bytes] = []
    while len(lines) < after:
        line = await program.stdout.readline()
        assert line, "the program ended by itself"
        lines.append(line)
    program.send_signal(signal.SIGKILL)
    lines += (await program.stdout.read()).splitlines(keepends=True)
    await program.wait()
    told = [line.split() for line in lines if line.endswith(b"\n")]
    return (
        told[0][0].decode(),
        max(int(words[1]) for words in told),
        max(int(words[2]) for words in told),
    )


@pytest.mark.parametrize("after", [1, 200, random.Random(7).randrange(300, 900)])
async def test_kill_9_loses_no_acknowledged_record_and_no_byte(tmp_path: Path, after: int) -> None:
    state = tmp_path / "state"
    session, highest, recorded = await kill_a_writer(state, after)
    store = await Store.open(state / "fireline.db")
    journal = await Journal.open(store, state)
    [found] = await journal.recover("next")
    assert found.session == session
    assert [(c.number, c.word) for c in found.commands] == [(1, "shell")]
    assert found.commands[0].message.startswith("the broker stopped while it ran; outcome unknown")
    assert found.partials == ["mem.dmp.partial"]

    rows: list[RecordRow] = []
    while page := await records.page(store, session, rows[-1].seq if rows else 0):
        rows += page
    assert rows[-1].seq >= highest
    assert list(check(session, rows)) == []
    bodies = [record.body async for record in journal.records(session)]
    assert [type(body) for body in bodies[-3:]] == [Ended, Recovered, SessionEnded]
    ended = bodies[-3]
    assert isinstance(ended, Ended)
    assert ended.state == "interrupted" and ended.rows > 0

    reader = Reader(state / "recordings" / f"{session}.rec")
    last = list(reader)[-1]
    assert reader.tail.what == ""
    assert last.kind is Kind.RECOVERED
    assert json.loads(last.data)["offset"] >= recorded
    assert (state / "evidence" / session / "mem.dmp.partial").read_bytes() == b"half"

    assert await journal.recover("once more") == []
    [summary] = await journal.sessions()
    assert (summary.session, summary.commands, summary.state) == (session, 1, "interrupted")
    for journal_id in (session, "broker"):
        verdict = await verify(journal, journal_id)
        assert verdict.ok, verdict.lines
    await journal.close()
    await store.close()


async def left_open(store: Store, opened: SessionOpened, bodies: list[Body]) -> list[Body]:
    """Append to a session that nobody ends; what the next broker adds."""
    journal = await Journal.open(store, store.path.parent)
    session = await journal.open_session(opened)
    for body in bodies:
        await session.append(body)
    before = session.seq
    await session.recording.close()
    await journal.close()
    after = await Journal.open(store, store.path.parent)
    await after.recover("next")
    added = [record.body async for record in after.records(session.id) if record.seq > before]
    await after.close()
    return [body for body in added if isinstance(body, Body)]


def typed(number: int, word: str) -> CommandTyped:
    return CommandTyped(number, word, {}, word, "console")


async def test_a_command_that_only_reads_is_interrupted_and_no_more(
    store: Store, opened: SessionOpened
) -> None:
    added = await left_open(store, opened, [typed(1, "dir"), Started(1, "t1", False)])
    ended = added[0]
    assert isinstance(ended, Ended)
    assert (ended.state, ended.message) == ("interrupted", "the broker stopped while it ran")


async def test_a_command_that_changes_has_an_unknown_outcome(
    store: Store, opened: SessionOpened
) -> None:
    added = await left_open(store, opened, [typed(1, "run"), Started(1, "t1", True)])
    ended = added[0]
    assert isinstance(ended, Ended)
    assert ended.message == "the broker stopped while it ran; outcome unknown"


async def test_a_command_that_had_not_started_never_did(
    store: Store, opened: SessionOpened
) -> None:
    added = await left_open(store, opened, [typed(1, "run"), Decided(1, True, "r", "")])
    ended = added[0]
    assert isinstance(ended, Ended)
    assert (ended.state, ended.message) == (
        "cancelled",
        "it had not started when the broker stopped",
    )


async def test_what_was_refused_or_had_ended_is_left_alone(
    store: Store, opened: SessionOpened
) -> None:
    bodies: list[Body] = [
        typed(1, "run"),
        Decided(1, False, "r", "needs advanced"),
        typed(2, "dir"),
        Started(2, "t2", False),
        Ended(2, "completed", 0, "", 0, "", 0, None, 1),
    ]
    added = await left_open(store, opened, bodies)
    assert [type(body) for body in added] == [Recovered, SessionEnded]


async def test_a_session_without_a_recording_is_ended_and_says_so(
    store: Store, opened: SessionOpened
) -> None:
    journal = await Journal.open(store, store.path.parent)
    session = await journal.open_session(opened)
    await session.recording.close()
    session.recording.path.unlink()
    await journal.close()
    after = await Journal.open(store, store.path.parent)
    [found] = await after.recover("next")
    assert found.recording == "recording missing"
    verdict = await verify(after, session.id)
    assert "  recording  missing" in verdict.lines
    await after.close()


async def test_a_change_by_sftp_without_an_end_has_an_unknown_outcome(
    store: Store, opened: SessionOpened
) -> None:
    before = await Journal.open(store, store.path.parent)
    session = await before.open_session(opened)
    await session.append(ChangeBegun(1, "write", "/a", "", "r"))
    await session.append(ChangeEnded(1, "completed", "", 3, "", [(0, 3)]))
    await session.append(ChangeBegun(2, "rename", "/a", "/b", "r"))
    await session.recording.close()
    await before.close()
    after = await Journal.open(store, store.path.parent)
    await after.recover("next")
    ends = [r.body async for r in after.records(session.id) if isinstance(r.body, ChangeEnded)]
    assert [(end.change, end.state) for end in ends] == [(1, "completed"), (2, "interrupted")]
    assert ends[-1].message.endswith("outcome unknown")
    await after.close()
