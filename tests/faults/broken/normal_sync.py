"""A broker that is broken on purpose: its store commits without an fsync of the WAL."""

import sqlite3
import sys

from server.__main__ import main
from server.store import sqlite

_prepare = sqlite._prepare


def _prepare_normal(connection: sqlite3.Connection) -> None:
    _prepare(connection)
    connection.execute("PRAGMA synchronous = NORMAL")


if __name__ == "__main__":
    sqlite._prepare = _prepare_normal
    sys.exit(main())
