"""A broker that is broken on purpose: what devices are to be is not written down."""

import sqlite3
import sys
from collections.abc import Callable, Iterable

from server.__main__ import main
from server.store import actions

_save = actions.save


def _without_wishes(
    rows: Iterable[actions.StoredAction], _: Iterable[actions.StoredWish]
) -> Callable[[sqlite3.Connection], None]:
    return _save(rows, [])


if __name__ == "__main__":
    actions.save = _without_wishes  # type: ignore[assignment]
    sys.exit(main())
