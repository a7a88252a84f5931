"""What ends a device's command, and what its end says: the first word counts, both are kept."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from commands.language import items, wire
from commands.language.command import discover
from commands.language.errors import Failed
from commands.language.items import Done
from commands.language.line import parse
from commands.language.names import Name
from server.audit.journal import Journal
from server.audit.records import SessionOpened
from server.audit.session import SessionJournal
from server.config import Limits
from server.evidence.room import EvidenceRoom
from server.live.device_job import DeviceJob
from server.live.share import Keys
from server.live.stream import Stream
from server.store.sqlite import Store

discover()

OPENED = SessionOpened(
    person="alice", key="k", source="here", device_id="d1", device="web-02", door="console",
    client="ssh", comment="", role="advanced", rule="all",
)  # fmt: skip
BUDGET = 64 * 1024


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SessionJournal]:
    store = await Store.open(tmp_path / "state" / "fireline.db")
    all_journals = await Journal.open(store, store.path.parent, reserve=0, results_budget=BUDGET)
    session = await all_journals.open_session(OPENED)
    yield session
    await session.end("the test is over")
    await all_journals.close()
    await store.close()


class Running:
    """A command on a stream of its own, and what was asked of its device."""

    def __init__(self, journal: SessionJournal, line: str, *, start: bool = True) -> None:
        typed = parse(line)
        room = EvidenceRoom(Limits(reserve_bytes=0))
        self.job = DeviceJob(
            1, typed, typed.command, journal, "web-02",
            lambda job, into: room.incoming(journal, job.number, job.command, into),
        )  # fmt: skip
        self.asked: list[wire.Cancel] = []
        self.violations: list[str] = []
        self.line_is_up = True
        self.job.send_cancel = self._cancel
        self.job.on_violation = self.violations.append
        self.stream = Stream("S1", "d1", 1, 60, Keys())
        if start:
            command = {"word": self.job.spec.word}
            self.job.start(self.stream, wire.Start(command=command, number=1, folder="/"), None)

    def _cancel(self, cancel: wire.Cancel) -> bool:
        if self.line_is_up:
            self.asked.append(cancel)
        return self.line_is_up

    async def end(self) -> str:
        """Its state, once its end is durable."""
        async with asyncio.timeout(10):
            await self.job.wait()
        return self.job.state


def gone(how: str, message: str = "") -> wire.Gone:
    return wire.Gone(stream="S1.w1", how=how, message=message)


async def test_a_done_counts_though_its_worker_is_said_to_have_crashed_then(
    journal: SessionJournal,
) -> None:
    running = Running(journal, "dir /")
    running.job.on_item(Done())
    running.job.gone(gone("crashed", "status 9"))
    running.job.on_stream_gone("closed")
    assert (await running.end(), running.job.error) == ("completed", None)


async def test_a_crash_counts_though_a_done_comes_after_it(journal: SessionJournal) -> None:
    running = Running(journal, "dir /")
    running.job.gone(gone("crashed", "the worker ended by itself with status 9"))
    running.job.on_item(Done())
    assert await running.end() == "interrupted"
    assert str(running.job.error) == (
        "dir on web-02 was interrupted: the worker ended by itself with status 9"
    )


@pytest.mark.parametrize(("line", "unknown"), [("dir /", False), ("run x.sh", True)])
async def test_only_a_change_that_was_lost_has_an_unknown_outcome(
    journal: SessionJournal, line: str, unknown: bool
) -> None:
    running = Running(journal, line)
    running.job.on_stream_gone("the stream did not come back")
    assert await running.end() == "interrupted"
    assert str(running.job.error).endswith("; outcome unknown") is unknown


async def test_a_cancel_before_there_is_a_stream_asks_nobody(journal: SessionJournal) -> None:
    running = Running(journal, "dir /", start=False)
    answer = await running.job.cancel()
    assert answer == "cancelled: dir had not started on web-02; nothing ran, #1"
    assert running.asked == [] and await running.end() == "cancelled"


@pytest.mark.parametrize("end", [gone("never"), Done("cancelled", items.NOT_STARTED)])
async def test_a_cancel_that_came_before_the_start_says_that_nothing_ran(
    journal: SessionJournal, end: wire.Gone | Done
) -> None:
    running = Running(journal, "dir /")
    answering = asyncio.create_task(running.job.cancel())
    async with asyncio.timeout(10):
        while not running.asked:  # noqa: ASYNC110  # to the very turn
            await asyncio.sleep(0)
    running.job.gone(end) if isinstance(end, wire.Gone) else running.job.on_item(end)
    assert await answering == "cancelled: dir had not started on web-02; nothing ran, #1"


async def test_a_cancel_without_a_line_goes_out_when_it_is_back(journal: SessionJournal) -> None:
    running = Running(journal, "dir /")
    running.line_is_up = False
    answer = await running.job.cancel()
    assert answer == "web-02 does not answer; the stop goes out when it is back, job 1"
    running.line_is_up = True
    running.job.resend_cancel()
    assert [cancel.number for cancel in running.asked] == [1]
    running.job.on_item(Done("cancelled", "stopped while running"))
    assert await running.end() == "cancelled"
    assert str(running.job.error).startswith("dir stopped on web-02 while running, 0 s; 0 rows")
    running.job.resend_cancel()
    assert len(running.asked) == 1, "what has ended is asked nothing"


async def test_a_stop_that_nobody_asked_for_is_no_cancel(journal: SessionJournal) -> None:
    running = Running(journal, "dir /")
    running.job.on_item(Done("cancelled", "stopped while running"))
    assert await running.end() == "interrupted"


async def test_results_over_their_budget_end_the_command_here_and_there(
    journal: SessionJournal,
) -> None:
    running = Running(journal, "run x.sh")
    running.job.on_bytes(bytes(BUDGET // 2))
    assert running.job.running
    running.job.on_bytes(bytes(BUDGET))
    assert await running.end() == "failed"
    assert (
        str(running.job.error) == f"the session's results reached their budget of {BUDGET:,} bytes"
    )
    assert [cancel.number for cancel in running.asked] == [1] and not running.stream.alive
    assert running.violations == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (items.RowItem(row=msgspec.Raw(b"{}")), "does not fit"),
        (items.Taken(size=1, sha256="0" * 64), "run gives no taken"),
    ],
)
async def test_an_item_that_does_not_fit_ends_the_command_and_is_a_violation(
    journal: SessionJournal, said: items.Sent, told: str
) -> None:
    running = Running(journal, "run x.sh")
    running.job.on_item(said)
    assert await running.end() == "failed"
    assert told in running.violations[0] and not running.stream.alive


async def test_an_input_that_breaks_ends_the_command_and_is_not_taken_for_whole(
    journal: SessionJournal,
) -> None:
    running = Running(journal, "run x.sh", start=False)
    start = wire.Start(command={"word": "run"}, number=1, folder="/", input=True)

    async def damaged() -> AsyncIterator[bytes]:
        yield b"#!/bin/sh"
        raise Failed("the library's bytes are damaged")

    running.job.start(running.stream, start, damaged())
    assert await running.end() == "failed"
    assert str(running.job.error) == "run on web-02: the library's bytes are damaged"
    assert [cancel.number for cancel in running.asked] == [1] and not running.stream.alive
    sent = [kept.data for kept in running.stream._sent.after(0) or []]
    assert b"#!/bin/sh" in sent and not [data for data in sent if b'"eof"' in data]


async def test_more_of_a_file_than_was_announced_is_a_violation(journal: SessionJournal) -> None:
    running = Running(journal, "getfile /x")
    running.job.on_item(items.Into("file", name=Name("x"), size=3))
    running.job.on_bytes(b"abc")
    running.job.on_bytes(b"d")
    assert await running.end() == "failed"
    assert running.violations == ["sent more of its file than the 3 bytes announced"]


async def test_nothing_may_follow_a_done(journal: SessionJournal) -> None:
    running = Running(journal, "dir /")
    running.job.on_item(Done())
    running.job.on_item(items.Note("and another thing"))
    assert running.violations == ["sent an item after its Done"]
    assert await running.end() == "completed"
