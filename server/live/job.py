"""A command that runs or ran: its number, state, kept result, and how it ended.

What a command gave is its result file. Whoever shows it reads that file and follows it, so a slow
reader costs no memory and loses nothing; little of it is remembered as well, and not read again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, cast

import msgspec

from commands.language import items
from commands.language.command import Command, Spec
from commands.language.errors import FirelineError, Interrupted, from_code
from commands.language.items import Item
from commands.language.line import TypedLine
from server.audit import clock
from server.audit.chunks import Chunk, Kind, Reader
from server.audit.errors import RecordingBroken
from server.audit.records import Ended, FileTaken
from server.audit.results import ResultFile
from server.audit.session import SessionJournal
from server.live.trace import Trace

State = Literal[
    "pending", "running", "completed", "failed", "cancelled", "expired", "rejected", "interrupted"
]
READ_AHEAD = 256
LITTLE = 4 << 10
MOMENT_S, LOOK_S = 0.1, 2.0
"""How long ends are waited for that no device can tell of, and how often it is looked whether one
can; a line that was cut for a moment is back by then."""

_items = msgspec.json.Encoder()


class Job:
    """One command of one session; fed by its runner, read by any number of viewers."""

    def __init__(
        self, number: int, typed: TypedLine, command: Command, journal: SessionJournal, device: str
    ) -> None:
        self.number, self.typed, self.command = number, typed, command
        self.spec: Spec = type(command).spec
        self.options = typed.options
        self.journal, self.device = journal, device
        self.state: State = "pending"
        self.behind = typed.options.background
        self.answered = False
        """Whoever waits for its end is told of it there."""
        self.began = asyncio.get_running_loop().time()
        self.began_ms = clock.now_ms()
        self.took: float | None = None
        self.rows, self.bytes = 0, 0
        self._progress: items.Progress | None = None
        self.files: list[FileTaken] = []
        self.partials: list[FileTaken] = []
        """Packages that were cut off, and are valid up to there."""
        self.error: FirelineError | None = None
        self.exit_code: int | None = None
        self.trace: Trace | None = None
        self.ran_first = ""
        """A sentence about what -auto ran before it."""
        self.message = ""
        self.waits = False
        """It made an action that waits for a second person, and no more."""
        self.ended = asyncio.Event()
        self._grew = asyncio.Event()
        self._growth = 0
        self._target = Kind.STDOUT
        self._result: ResultFile | None = None
        self._little: list[tuple[Kind, bytes]] | None = []
        """All that is in the result file; None once that is more than a little."""
        self._closed = False
        self._finishing: asyncio.Task[None] | None = None
        row = self.command.row_type()
        self._row_decoder = msgspec.json.Decoder(row) if row is not None else None

    @property
    def status(self) -> int:
        """The exit status, once it has ended."""
        return self.error.status if self.error is not None else 0

    @property
    def amount(self) -> str:
        """What it gave so far, counted."""
        if self.spec.rows is None:
            return f"{self.bytes:,} byte" if self.bytes == 1 else f"{self.bytes:,} bytes"
        return f"{self.rows:,} row" if self.rows == 1 else f"{self.rows:,} rows"

    @property
    def progress(self) -> items.Progress | None:
        """How far it is, where that is known: what it said itself."""
        return self._progress

    @property
    def lasted(self) -> float:
        """Seconds that it took, or has taken so far."""
        return asyncio.get_running_loop().time() - self.began if self.took is None else self.took

    @property
    def where(self) -> str:
        """Who is waited for: the device, for an action too, or the broker."""
        about = str(getattr(self.command, "device", "")) if self.spec.queued else ""
        return self.device or about or "the broker"

    @property
    def running(self) -> bool:
        return not self.ended.is_set()

    @property
    def result_path(self) -> Path:
        return self.journal.result_path(self.number)

    # The runner feeds it.
    def feed(self, item: items.Sent | items.Row) -> None:
        """Takes one item; raises msgspec.ValidationError for a row of the wrong shape."""
        self._traced("first answer")
        if isinstance(item, items.Row):
            self._write(Kind.ROW, _items.encode(item))
            self.rows += 1
        elif isinstance(item, items.RowItem):
            if self._row_decoder is None:
                raise msgspec.ValidationError(f"{self.spec.word} has no rows")
            self._row_decoder.decode(item.row)
            self._write(Kind.ROW, bytes(item.row))
            self.rows += 1
        elif isinstance(item, items.Progress):
            self._progress = item
        else:
            if isinstance(item, items.Into):
                self._progress = None  # that was of what came before it
                self._target = Kind.STDERR if item.where == "stderr" else Kind.STDOUT
            self._write(Kind.NOTE, _items.encode(item))

    def feed_bytes(self, data: bytes) -> None:
        """Takes the next bytes of stdout, stderr or text."""
        self.bytes += len(data)
        self._traced("first answer")
        self._write(self._target, data)

    def _traced(self, step: str) -> None:
        if self.trace is not None:
            self.trace.step(step)

    async def finish(self, error: FirelineError | None, exit_code: int | None = None) -> None:
        """The end: the result made durable, then the end record, then everybody is told.

        The first end counts. A caller that is cancelled does not stop it.
        """
        if self._finishing is None:
            self._closed = True
            self._finishing = asyncio.create_task(self._finished(error, exit_code))
        await asyncio.shield(self._finishing)

    async def _finished(self, error: FirelineError | None, exit_code: int | None) -> None:
        digest, size = "", 0
        self.took = asyncio.get_running_loop().time() - self.began
        if self._result is not None:
            try:
                await self._result.close()
            except RecordingBroken as lost:
                error = error or lost
            digest, size = self._result.written  # lost or not: what verify shall find there
        self.error, self.exit_code = error, exit_code
        self.message = "" if error is None else str(error)
        self.state = _state(error)
        await self.journal.append(
            Ended(
                number=self.number,
                state=self.state,
                status=self.status,
                message=self.message[:2000],
                rows=self.rows,
                result_sha256=digest,
                result_bytes=size,
                exit_code=exit_code,
                took_ms=int(self.took * 1000),
                files=self.files,
            )
        )
        self._traced("end")
        self.ended.set()
        self._tell_viewers()

    async def wait(self) -> None:
        """Until it has ended and its end record is durable."""
        await self.ended.wait()

    async def cancel(self) -> str:
        """Asks for its end; what became of it, as a sentence."""
        if not self.running:
            return self.too_late()
        error = from_code("cancelled", f"{self.spec.word} stopped")
        await self.finish(error)
        return error.shown()

    def too_late(self) -> str:
        return (
            f"{self.spec.word} was too late to stop: it had finished, "
            f"{self.amount}, complete, #{self.number}"
        )

    def ended_notice(self) -> str:
        """Its end, for who did not look at it."""
        took = f"{self.took or 0:.1f} s"
        if self.error is None:
            kept = f"{self.rows:,} rows, " if self.spec.rows else ""
            return (
                f"job {self.number} completed: {self.spec.word} on {self.where}, {kept}{took}; "
                f"status {self.number} shows {'them' if kept and self.rows != 1 else 'it'}"
            )
        return f"job {self.number} {self.state}: {self.error}"

    # Viewers read it.
    async def items(self, follow: bool = True) -> AsyncIterator[Item]:
        """Everything it gave and gives, from its beginning to its end; else what is there now."""
        reader: Reader | None = None
        given = 0
        while True:
            ended, growth = self.ended.is_set() or not follow, self._growth
            if self._little is not None:
                for kind, data in self._little[given:]:
                    given += 1
                    yield self._item(kind, data)
            elif reader is None and self.result_path.exists():
                reader = Reader(self.result_path)
            if reader is not None:
                chunks = islice(reader, given, None)
                given, more = 0, True
                while more:
                    batch, more = await asyncio.to_thread(_some, chunks)
                    for chunk in batch:
                        yield self._item(chunk.kind, chunk.data)
            if ended:
                return
            # Viewers share the event: who clears it has seen all, so nobody misses a word.
            if growth == self._growth:
                self._grew.clear()
                await self._grew.wait()

    def _item(self, kind: Kind, data: bytes) -> Item:
        if kind is Kind.ROW and self._row_decoder is not None:
            return self._row_decoder.decode(data)
        if kind is Kind.NOTE:
            return cast(Item, items.decode(data))
        return data

    def _write(self, kind: Kind, data: bytes) -> None:
        if self._closed:
            return
        if self._result is None:
            self._result = self.journal.result(self.number)
        self._result.write(kind, data)
        if self._little is not None:
            self._little.append((kind, data))
            if self._result.bytes > LITTLE:
                self._little = None
        self._tell_viewers()

    def _tell_viewers(self) -> None:
        self._growth += 1
        self._grew.set()


async def ends(jobs: Iterable[Job], answers: Callable[[], bool], most_s: float) -> None:
    """Waits for the ends of these, as long as their device may tell of them."""
    loop = asyncio.get_running_loop()
    pending = {asyncio.create_task(job.wait()) for job in jobs}
    until, there = loop.time() + most_s, True
    while pending and there and (left := until - loop.time()) > 0:
        there = answers()
        _, pending = await asyncio.wait(pending, timeout=min(left, LOOK_S if there else MOMENT_S))
    for wait in pending:
        wait.cancel()


def _some(chunks: Iterator[Chunk]) -> tuple[list[Chunk], bool]:
    """The next ones, and whether there may be more."""
    batch: list[Chunk] = []
    size = 0
    for chunk in chunks:
        batch.append(chunk)
        size += len(chunk.data)
        if len(batch) >= READ_AHEAD or size >= 1 << 20:
            return batch, True
    return batch, False


def _state(error: FirelineError | None) -> State:
    if error is None:
        return "completed"
    if isinstance(error, Interrupted):
        return "interrupted"
    return "cancelled" if error.code == "cancelled" else "failed"


def failure(done: items.Done) -> FirelineError | None:
    """The error that a Done names, or none."""
    if done.code == "done":
        return None
    return from_code(done.code, done.message or "the device gave no reason")
