"""What a device says of an action before it is asked: for its plan, as far as it says it in time.

Asked by `whatif`, judged and journaled like one that was typed, in the session where its person
stands or in one of its own. Who may not type it, and a device that does not answer, gets no figure.
"""

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING

from commands.language.errors import FirelineError
from commands.language.host.foresight import EffectRow
from commands.language.line import parse
from server.live.responder import Responder

if TYPE_CHECKING:
    from server.live.inventory import Device
    from server.live.session import Session

SAID_WITHIN_S = 2.0
STOPPED_AFTER_S = 5.0
MOST = 20_000
Effects = list[EffectRow]


async def foreseen(session: "Session", device: "Device", word: str, comment: str) -> Effects | None:
    """What it would do there; None where nobody says."""
    if not device.online:
        return None
    told: asyncio.Future[Effects | None] = asyncio.get_running_loop().create_future()
    # Whoever waits may go: a session that was opened for it is ended all the same.
    session.sessions.soon(_ask(session, device, word, comment, told))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SAID_WITHIN_S):
            return await asyncio.shield(told)
    return None


async def _ask(
    session: "Session",
    device: "Device",
    word: str,
    comment: str,
    told: "asyncio.Future[Effects | None]",
) -> None:
    own: Session | None = None
    try:
        asking = session
        if session.device is not device:
            responder = Responder(session.person, "", "queue", "", "queue", comment)
            asking = own = await session.sessions.open(responder, device.name, comment)
        told.set_result(await _effects(asking, word))
    except FirelineError:  # the action itself says it when it is asked
        told.set_result(None)
    finally:
        if own is not None:
            await own.end("what it was asked is known")


async def _effects(session: "Session", word: str) -> Effects | None:
    line = f"whatif {word}"
    typed = dataclasses.replace(parse(line), text=f"plan: {line}")
    job = await session.execute(typed)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOPPED_AFTER_S):
            await job.wait()
    if job.running:
        await job.cancel()
    if job.error is not None:
        raise job.error
    found: Effects = []
    async for item in job.items(follow=False):
        if isinstance(item, EffectRow):
            found.append(item)
        if len(found) > MOST:
            return None  # no device has so many, and a figure of its own making is none
    return found
