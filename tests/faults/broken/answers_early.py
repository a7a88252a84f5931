"""A broker that is broken on purpose: a record counts as durable a second before it is written."""

import asyncio
import sys
from typing import Any

from server.__main__ import main
from server.store.sqlite import RecordRow, Store

LATE_S = 1.0
_queue = Store._queue


def _queue_late(store: Store, job: Any) -> "asyncio.Future[Any]":
    if not isinstance(job, RecordRow):
        return _queue(store, job)
    loop = asyncio.get_running_loop()
    loop.call_later(LATE_S, _queue, store, job)
    said: asyncio.Future[Any] = loop.create_future()
    said.set_result(None)
    return said


if __name__ == "__main__":
    Store._queue = _queue_late  # type: ignore[method-assign, assignment]
    sys.exit(main())
