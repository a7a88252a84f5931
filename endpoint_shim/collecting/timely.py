"""What comes in time: a data point that hangs is left, and the rest goes on."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TypeVar, cast

from endpoint_shim.collecting.side import Missed

Piece = TypeVar("Piece")


async def timely(
    source: AsyncIterator[Piece], limit_s: float, *, whole: bool = False
) -> AsyncIterator[Piece]:
    """Its pieces; Missed where one does not come for so long, or not all (`whole`)."""
    loop = asyncio.get_running_loop()
    end = loop.time() + limit_s
    async with aclosing(cast("AsyncGenerator[Piece, None]", source)) as pieces:
        while True:
            try:
                async with asyncio.timeout_at(end if whole else loop.time() + limit_s):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                how = "it was not done" if whole else "nothing came"
                raise Missed("timed out", f"{how} within {limit_s:g} s") from None
            yield piece
