"""A broker that is broken on purpose: what its store could not write, it answers as written."""

import sqlite3
import sys
from typing import Any

from server.__main__ import main
from server.store.sqlite import Store

_commit = Store._commit


def _commit_or_not(store: Store, group: Any) -> list[Any]:
    try:
        return _commit(store, group)
    except sqlite3.OperationalError:
        return [None] * len(group)


if __name__ == "__main__":
    Store._commit = _commit_or_not  # type: ignore[assignment, method-assign]
    sys.exit(main())
