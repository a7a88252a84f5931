"""A broker that is broken on purpose: it keeps no room, and opens sessions to the last byte."""

import sys
from typing import Any

from server.__main__ import main
from server.audit.journal import Journal

_init = Journal.__init__


def _without_reserve(journal: Journal, *given: Any, **named: Any) -> None:
    _init(journal, *given, **{**named, "reserve": 0})


if __name__ == "__main__":
    Journal.__init__ = _without_reserve  # type: ignore[method-assign, assignment]
    sys.exit(main())
