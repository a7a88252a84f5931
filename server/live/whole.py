"""Work that a client's going must not cut in half: a session's opening, a command's start, an end.

A client that goes cancels who serves it, wherever that stands. Half an end would never end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
Own = Callable[[Coroutine[Any, Any, None]], None]


async def whole(
    work: Coroutine[Any, Any, T], own: Own, then: Callable[[T], Awaitable[None]] | None = None
) -> T:
    """Runs it to its end; what nobody waits for any more is `own`ed, its result given `then`."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.cancelled():
            own(_rest(task, then))
        raise


async def _rest(task: "asyncio.Task[T]", then: Callable[[T], Awaitable[None]] | None) -> None:
    await asyncio.wait({task})
    if task.cancelled() or task.exception() is not None or then is None:
        return  # an error would be told to a client that is gone
    await then(task.result())
