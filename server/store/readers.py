"""Read-only connections, one per reading thread; they never checkpoint."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from server.store.errors import StoreUnreadable

T = TypeVar("T")

THREADS: Final = 2


class Readers:
    """A few threads, each with its own connection, opened when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="store-read")
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []

    async def run(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Run `fn` with a read-only connection."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, fn)

    async def close(self) -> None:
        """Let the threads finish and close their connections."""
        await asyncio.to_thread(self._threads.shutdown)
        for connection in self._opened:
            connection.close()

    def _run(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return fn(self._connection())
        except sqlite3.Error as error:
            raise StoreUnreadable(f"{self._path.name} cannot be read: {error}") from error

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            address = f"{self._path.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(
                address, uri=True, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute("PRAGMA mmap_size = 0")
            self._own.connection = connection
            self._opened.append(connection)
        return connection
