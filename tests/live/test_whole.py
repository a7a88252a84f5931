"""Work that a client's going must not cut in half."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from server.live.whole import whole


class Owner:
    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def own(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))


async def test_its_result_and_its_error_come_back() -> None:
    async def fails() -> None:
        raise ValueError("no")

    assert await whole(asyncio.sleep(0, "yes"), Owner().own) == "yes"
    with pytest.raises(ValueError, match="no"):
        await whole(fails(), Owner().own)


async def test_a_cancelled_waiter_leaves_it_to_its_owner_with_what_comes_then() -> None:
    owner, go, ends = Owner(), asyncio.Event(), list[str]()

    async def work() -> str:
        await go.wait()
        return "opened"

    async def end(result: str) -> None:
        ends.append(result)

    waiter = asyncio.create_task(whole(work(), owner.own, end))
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert ends == []
    go.set()
    await owner.tasks[0]
    assert ends == ["opened"]
