"""The journal: the broker's own records, and one journal for every session.

Fails closed: no space or no store, no session. A session is listed from the broker's record that
it began, never from its end.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from commands.language.errors import FirelineError
from server.audit import clock, recovery, sessions
from server.audit.ballast import Ballast
from server.audit.chain import envelope
from server.audit.decoding import Unknown, decode_body
from server.audit.errors import NoSpace, RecordingBroken
from server.audit.folder_sync import FolderSync
from server.audit.folders import Folders
from server.audit.recording import Recording
from server.audit.records import Body, SessionBegun, SessionOpened
from server.audit.results import Budget
from server.audit.session import SessionJournal
from server.audit.syncing import DEFAULT_TIMING, Timing
from server.audit.writer import Appended, JournalWriter
from server.store import records
from server.store.errors import JournalBroken, StoreUnreadable
from server.store.sqlite import RecordRow, Store

__all__ = ["BROKER", "Appended", "Journal", "JournalWriter", "Record", "SessionJournal"]

BROKER: Final = "broker"
SYNC_THREADS: Final = 16
"""With 8 an `on` over many devices waited for them, and cost a seventh more (50 at once)."""
RESERVE: Final = 512 << 20
NO_DEVICE: Final = "-"
READING_NEEDS: Final = 1 << 20
BALLAST: Final = 16 << 20
SEEN_S: Final = 0.1
RECORDING_BUDGET: Final = 1 << 30
RESULTS_BUDGET: Final = 1 << 30


class Record(NamedTuple):
    """A stored record, decoded."""

    journal: str
    seq: int
    time: str
    body: Body | Unknown
    hash: str
    line: bytes


class Journal:
    """All journals of one state folder."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        *,
        last: RecordRow | None = None,
        next_session: int = 1,
        strict: bool = False,
        reserve: int = RESERVE,
        recording_budget: int = RECORDING_BUDGET,
        results_budget: int = RESULTS_BUDGET,
        timing: Timing = DEFAULT_TIMING,
    ) -> None:
        self.store = store
        self.folders = Folders(folder)
        self._recordings = FolderSync(folder / "recordings")
        self._results = FolderSync(folder / "results")
        self._look: asyncio.Task[int] | None = None
        self._looked = 0.0
        self.strict = strict
        self.reserve = reserve
        self.floor = min(READING_NEEDS, reserve // 16)
        """With less than that even a session that only reads here is not opened, and ends."""
        self.ballast = Ballast(folder, min(BALLAST, reserve // 8))
        store.on_full = self.ballast.drop
        self._recording_budget = recording_budget
        self._results_budget = results_budget
        self.broker = JournalWriter(store, BROKER, last)
        self.live: dict[str, SessionJournal] = {}
        self._timing = timing
        self._next = next_session
        self._abandoned: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(SYNC_THREADS, thread_name_prefix="journal-sync")

    @classmethod
    async def open(
        cls,
        store: Store,
        folder: Path,
        *,
        strict: bool = False,
        reserve: int = RESERVE,
        recording_budget: int = RECORDING_BUDGET,
        results_budget: int = RESULTS_BUDGET,
        timing: Timing = DEFAULT_TIMING,
    ) -> Self:
        """Make the folders and continue the broker's chain where it ended."""
        await asyncio.to_thread(Folders(folder).make)
        last = await records.last(store, BROKER)
        newest = await records.begun(store, 1)
        number = sessions.begun(newest[0]).number + 1 if newest else 1
        return cls(
            store,
            folder,
            last=last,
            next_session=number,
            strict=strict,
            reserve=reserve,
            recording_budget=recording_budget,
            results_budget=results_budget,
            timing=timing,
        )

    async def open_session(self, opened: SessionOpened) -> SessionJournal:
        """Open the next session: its files, the broker's record of it and its first record.

        A caller that is cancelled meanwhile leaves a session that has ended, not half a one.
        """
        opening = asyncio.create_task(self._open_session(opened), name="session-opening")
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            abandoned = asyncio.create_task(_abandon(opening), name="session-abandoned")
            self._abandoned.add(abandoned)
            abandoned.add_done_callback(self._abandoned.discard)
            raise

    async def _open_session(self, opened: SessionOpened) -> SessionJournal:
        await self._need_space(at_device=opened.device != NO_DEVICE)
        await self.store.room()
        session, recording = self._start_recording()
        journal = SessionJournal(
            self.store,
            session,
            self.broker,
            self.folders,
            recording,
            Budget(self._results_budget),
            self._results,
            self._pool,
        )
        queued = False
        try:
            # Before its record: a power cut between the two would show a recording as missing.
            await self._recordings.sync()
            begun, durable = self.broker.submit(SessionBegun(session, opened.device, opened.person))
            queued = True
            _, first = journal.submit(
                msgspec.structs.replace(opened, broker_seq=begun.seq, broker_hash=begun.hash)
            )
            await asyncio.gather(first, durable)
        except (JournalBroken, OSError) as error:
            await recording.close()
            if not queued:  # else nobody knows whether its record is on the disk
                recording.path.unlink()
            if isinstance(error, OSError):
                raise NoSpace(f"no session can open: {error.strerror}") from error
            raise
        self.live[session] = journal
        journal.ended.add_done_callback(lambda _: self.live.pop(session, None))
        return journal

    async def recover(self, instance: str) -> list[recovery.Interrupted]:
        """At start: end what a killed broker left open, and say what that was."""
        return await recovery.recover(self.store, self.broker, self.folders, instance)

    async def sessions(self, limit: int = 1000) -> list[sessions.SessionSummary]:
        """The newest sessions."""
        return await sessions.summaries(self.store, self.folders, self.live, limit)

    async def records(self, journal: str) -> AsyncIterator[Record]:
        """Every record of a journal, in order."""
        after = 0
        while rows := await records.page(self.store, journal, after):
            for row in rows:
                yield decode(row)
            after = rows[-1].seq

    async def free_bytes(self) -> int:
        """What is free where the journal lies."""
        return await asyncio.to_thread(_free, self.folders.state)

    async def _free_lately(self) -> int:
        """As it was at most SEEN_S ago: many sessions that open at once look once."""
        now = asyncio.get_running_loop().time()
        if self._look is None or now - self._looked >= SEEN_S:
            self._look, self._looked = asyncio.create_task(self.free_bytes()), now
        return await asyncio.shield(self._look)

    async def look_at_space(self) -> int:
        """What is free; the ballast is held where there is room, and given back at the floor."""
        free = await self.free_bytes()
        if free < self.floor and self.ballast.held:
            await asyncio.to_thread(self.ballast.drop)
            free = await self.free_bytes()
        elif free >= self.reserve + self.ballast.size and not self.ballast.held:
            await asyncio.to_thread(self.ballast.hold)
            free = await self.free_bytes()
            if free < self.reserve:  # somebody else took it meanwhile
                await asyncio.to_thread(self.ballast.drop)
        return free

    async def close(self) -> None:
        """After the last session ended."""
        for abandoned in tuple(self._abandoned):
            await abandoned
        await asyncio.to_thread(self._pool.shutdown)

    async def _need_space(self, *, at_device: bool) -> None:
        """A session that only reads here writes little: it may have most of the reserve."""
        free = await (self._free_lately() if at_device else self.look_at_space())
        if at_device and free < self.reserve:  # an operator may have made room a moment ago
            free = await self.free_bytes()
        # Not also where the store waits: the next record would wait behind those.
        if self.store.out_of_space or free < (self.reserve if at_device else self.floor):
            raise NoSpace(
                f"no session can open, the journal has {free >> 20} MiB free and must keep"
                f" {self.reserve >> 20}; an operator makes room; devices and actions can"
                " still be read"
            )

    def _start_recording(self) -> tuple[str, Recording]:
        while True:
            session = f"S{self._next}"
            self._next += 1
            try:
                return session, Recording.create(
                    self.folders.recording(session),
                    started=clock.now(),
                    budget=self._recording_budget,
                    strict=self.strict,
                    pool=self._pool,
                    timing=self._timing,
                )
            except FileExistsError:
                continue  # left by a broker that was killed before it wrote the record
            except OSError as error:
                raise NoSpace(f"no session can open: {error.strerror}") from error
            except RecordingBroken as error:
                raise NoSpace(f"no session can open: {error}") from error


async def _abandon(opening: asyncio.Task[SessionJournal]) -> None:
    try:
        session = await opening
    except FirelineError:
        return
    await session.end("the person left while it opened")


def decode(row: RecordRow) -> Record:
    """A row as a record; what cannot be decoded is damage, and `verify` names it."""
    outer = envelope(row.line)
    if outer is None:
        raise StoreUnreadable(f"record {row.seq} of {row.journal} is damaged; verify says how")
    try:
        body = decode_body(outer.kind, row.line)
    except msgspec.ValidationError as error:
        raise StoreUnreadable(f"record {row.seq} of {row.journal} is damaged: {error}") from error
    return Record(row.journal, row.seq, outer.time, body, row.hash.hex(), row.line)


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
