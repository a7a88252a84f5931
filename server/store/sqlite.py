"""One SQLite file: one connection writes in groups, others only read.

1. A write is acknowledged after its transaction is on the disk (`synchronous=FULL`), never before.
2. Whatever waits is committed together; one write that violates a constraint undoes only itself.
3. A failed commit is final: the kernel may have dropped the pages, so nothing after it may be
   acknowledged. But a disk that is full is seen before anything is synced: the group was rolled
   back whole, and is tried again until there is space.
4. One connection writes and checkpoints; readers are read-only and never checkpoint
   (SQLite up to 3.51.2 can corrupt a WAL otherwise); a lock file keeps a second broker off.
"""

import asyncio
import fcntl
import logging
import os
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

from server.store.errors import JournalBroken, StoreBusy, StoreUnreadable
from server.store.readers import Readers
from server.store.schema import MIGRATIONS

T = TypeVar("T")
log = logging.getLogger(__name__)

INSERT_RECORDS: Final = "INSERT INTO records (journal, seq, kind, line, hash) VALUES "
ROWS_AT_ONCE: Final = (32, 8, 2, 1)
"""Each step of a statement gives up the interpreter and waits to have it back."""
WAITING_LIMIT: Final = 8192
FULL_AGAIN_S: Final = 0.5
CALLERS_FAULT: Final = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
    sqlite3.NotSupportedError,
)


class RecordRow(NamedTuple):
    """One journal line as it is stored."""

    journal: str
    seq: int
    kind: str
    line: bytes
    hash: bytes


Job = RecordRow | Callable[[sqlite3.Connection], Any]
Waiting = tuple[Job, asyncio.Future[Any]]


class Store:
    """Group commit over one writing connection on a thread of its own."""

    def __init__(self, path: Path, lock: int, connection: sqlite3.Connection) -> None:
        self.path = path
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failure = ""
        self.on_full: Callable[[], None] = lambda: None
        """Called in a thread at each try that finds no space."""
        self.out_of_space = False
        """What is queued waits for space on the disk."""
        self._waits_for_space = True
        self._lock = lock
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._readers = Readers(path)
        self._waiting: deque[Waiting] = deque()
        self._group: tuple[Waiting, ...] = ()
        self._wake = asyncio.Event()
        self._space = asyncio.Event()
        self._closing = False
        self._writer = asyncio.create_task(self._write_groups(), name="store-writer")
        self._writer.add_done_callback(self._writer_ended)

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make the file; refuse when another broker holds it."""
        lock, connection = await asyncio.to_thread(_open, path)
        return cls(path, lock, connection)

    @property
    def full(self) -> bool:
        """Whether the next write has to wait for `room` first."""
        return len(self._waiting) >= WAITING_LIMIT

    async def room(self) -> None:
        """Wait until the queue takes one more."""
        while self.full:
            self._space.clear()
            await self._space.wait()

    def append(self, row: RecordRow) -> asyncio.Future[None]:
        """Queue one record, in this order, without waiting; the future ends when it is durable."""
        return self._queue(row)

    def submit(self, fn: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """The same for any other write."""
        return self._queue(fn)

    async def write(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Run `fn` inside the next transaction; its result comes after the commit."""
        await self.room()
        return await self.submit(fn)

    async def read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Run `fn` on a read-only connection, in a thread."""
        return await self._readers.run(fn)

    async def close(self) -> None:
        """Commit what waits, then let go of the file and its lock."""
        if self._closing:
            return
        self._closing = True
        self._wake.set()
        await asyncio.wait([self._writer])
        await self._readers.close()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()
        os.close(self._lock)

    def _queue(self, job: Job) -> asyncio.Future[Any]:
        if self.failed.done() or self._closing:
            raise JournalBroken(self.failure or "the store is closed")
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, done))
        self._wake.set()
        return done

    def stop_waiting(self) -> None:
        """The broker stops: a full disk is final from here on."""
        self._waits_for_space = False

    async def _write_groups(self) -> None:
        while True:
            while not self._waiting:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
            group = self._group = tuple(self._waiting)
            self._waiting.clear()
            self._space.set()
            try:
                results = await self._committed(group)
            except sqlite3.Error as error:
                self._fail(error)
                return
            for (_, done), result in zip(group, results, strict=True):
                if done.done():  # its waiter was cancelled; the write is durable all the same
                    continue
                if isinstance(result, _Raised):
                    done.set_exception(result.error)
                else:
                    done.set_result(result)

    async def _committed(self, group: tuple[Waiting, ...]) -> list[Any]:
        loop = asyncio.get_running_loop()
        while True:
            try:
                results = await loop.run_in_executor(self._thread, self._commit, group)
                self.out_of_space = False
                return results
            except sqlite3.OperationalError as error:
                full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
                if not full or not self._waits_for_space:
                    raise
            if not self.out_of_space:
                log.error("the disk is full: records wait for space, in order")
                self.out_of_space = True
            await asyncio.to_thread(self.on_full)
            await asyncio.sleep(FULL_AGAIN_S)

    def _writer_ended(self, writer: asyncio.Task[None]) -> None:
        """However the writer ends, nobody is left waiting for it."""
        error = None if writer.cancelled() else writer.exception()
        if error is not None or self._waiting:
            self._fail(error or "the writer was cancelled")

    def _fail(self, error: BaseException | str) -> None:
        self.failure = f"the store did not take a write: {error}; the broker must be restarted"
        if not self.failed.done():
            self.failed.set_result(None)
        for _, done in (*self._group, *self._waiting):
            if not done.done():
                done.set_exception(JournalBroken(self.failure))
        self._waiting.clear()
        self._space.set()

    def _commit(self, group: tuple[Waiting, ...]) -> list[Any]:
        """In the thread: the whole group as one transaction."""
        connection = self._connection
        results: list[Any] = []
        rows: list[RecordRow] = []
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job, _ in group:
                if isinstance(job, RecordRow):
                    rows.append(job)
                    results.append(None)
                    continue
                _insert(connection, rows)
                with _Apart(connection) as apart:
                    apart.result = job(connection)
                results.append(apart.result)
            _insert(connection, rows)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return results


class _Raised(NamedTuple):
    """What a write raised; only its own savepoint was undone."""

    error: Exception


def _insert(connection: sqlite3.Connection, rows: list[RecordRow]) -> None:
    at = 0
    for many in ROWS_AT_ONCE:
        while len(rows) - at >= many:
            values = list(chain.from_iterable(rows[at : at + many]))
            connection.execute(INSERT_RECORDS + ", ".join(["(?, ?, ?, ?, ?)"] * many), values)
            at += many
    rows.clear()


class _Apart:
    """One write of a group: what it raises undoes only itself and goes to its caller.

    But for what SQLite says of the disk: that stops the whole store.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.result: Any = None
        self._connection = connection

    def __enter__(self) -> Self:
        self._connection.execute("SAVEPOINT one")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, sqlite3.Error) and not isinstance(error, CALLERS_FAULT):
            return False
        if isinstance(error, Exception):
            self._connection.execute("ROLLBACK TO one")
            self.result = _Raised(error)
        elif error is not None:
            return False
        self._connection.execute("RELEASE one")
        return True


def _open(path: Path) -> tuple[int, sqlite3.Connection]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
    lock = os.open(path.with_name(path.name + ".lock"), flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StoreBusy(f"another broker runs on {path.parent}; stop it first") from None
    # Made by us with 0600; SQLite gives its -wal and -shm the same mode.
    os.close(os.open(path, flags, 0o600))
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        _prepare(connection)
    except sqlite3.Error as error:
        os.close(lock)
        raise StoreUnreadable(f"{path.name} cannot be opened: {error}") from error
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return lock, connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute("PRAGMA foreign_keys = ON")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, text in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {text} PRAGMA user_version = {number}; COMMIT;")
