"""Waits for what no event tells of: another process's state, a folder that goes."""

import asyncio
from collections.abc import Callable

LOOK_S = 0.01


async def until(seen: Callable[[], bool], seconds: float = 15.0) -> None:
    """Returns once it is seen; TimeoutError if it is not in time."""
    for _ in range(int(seconds / LOOK_S)):
        if seen():
            return
        await asyncio.sleep(LOOK_S)
    raise TimeoutError
