"""Durable journal records a second, beside aiosqlite's bare group commit of the same lines."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosqlite

from bench.table import Row, middle
from server.audit.journal import Journal
from server.audit.records import CommandTyped, SessionOpened
from server.store.sqlite import Store

WRITERS = 64
SESSIONS = 16
LINE = b"x" * 330
"""About what a record of a typed command takes."""

TYPED = CommandTyped(
    12, "processes -name x.exe", {"name": "x.exe", "pid": None}, "processes", "console"
)
TABLE = """\
CREATE TABLE records (
  journal TEXT, seq INTEGER, kind TEXT, line BLOB, hash BLOB, PRIMARY KEY (journal, seq)
) WITHOUT ROWID
"""


def records(folder: Path, quick: bool) -> list[Row]:
    """Many writers at once, each waiting for the disk before its next record."""
    seconds, rounds = (1.0, 2) if quick else (3.0, 5)
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(rounds):
        ways = [(ours, _journal), (theirs, _bare)]
        for rates, way in ways[turn % 2 :] + ways[: turn % 2]:
            with tempfile.TemporaryDirectory(dir=folder) as state:
                rates.append(asyncio.run(way(Path(state), seconds)))
    mine, other = middle(ours), middle(theirs)
    return [
        Row(
            f"durable journal records a second, {WRITERS} writers",
            f"{mine:,.0f}",
            "aiosqlite group commit",
            f"{other:,.0f}",
            mine / other,
            0.8,
            at_least=True,
        )
    ]


async def _journal(state: Path, seconds: float) -> float:
    store = await Store.open(state / "fireline.db")
    journal = await Journal.open(store, state)
    opened = SessionOpened("alice", "k", "s", "d", "web-01", "c", "c", "", "r", "r")
    sessions = [await journal.open_session(opened) for _ in range(SESSIONS)]

    async def write(writer: int) -> None:
        await sessions[writer % SESSIONS].append(TYPED)

    rate = await _rate(write, seconds)
    for session in sessions:
        await session.end("exit")
    await journal.close()
    await store.close()
    return rate


async def _bare(state: Path, seconds: float) -> float:
    database = await aiosqlite.connect(state / "bare.db", isolation_level=None)
    for setting in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", TABLE):
        await database.execute(setting)
    waiting: list[tuple[tuple[str, int, str, bytes, bytes], asyncio.Future[None]]] = []
    some, count = asyncio.Event(), 0

    async def commit() -> None:
        while await some.wait():
            some.clear()
            group = waiting[:]
            waiting.clear()
            await database.execute("BEGIN IMMEDIATE")
            await database.executemany(
                "INSERT INTO records VALUES (?, ?, ?, ?, ?)", [row for row, _ in group]
            )
            await database.execute("COMMIT")
            for _, done in group:
                done.set_result(None)

    async def write(writer: int) -> None:
        nonlocal count
        count += 1
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(((f"S{writer}", count, "typed", LINE, b"h" * 32), done))
        some.set()
        await done

    committing = asyncio.create_task(commit())
    rate = await _rate(write, seconds)
    committing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await committing
    await database.close()
    return rate


async def _rate(write: Callable[[int], Awaitable[None]], seconds: float) -> float:
    count, end = 0, time.monotonic() + seconds

    async def writer(number: int) -> None:
        nonlocal count
        while time.monotonic() < end:
            await write(number)
            count += 1

    async with asyncio.TaskGroup() as group:
        for number in range(WRITERS):
            group.create_task(writer(number))
    return count / seconds
