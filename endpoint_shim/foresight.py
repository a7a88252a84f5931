"""What an isolation or a restriction would do to this device now: asked, and nothing changed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from commands.language.host.foresight import EffectRow
from commands.language.names import from_text
from endpoint_shim import config, edges, guard_state
from endpoint_shim.reach import Reach


class DeviceForesight:
    """`commands.language.host.foresight.Foresight`."""

    def __init__(self, state: Path) -> None:
        self._state = state

    async def isolated(self) -> AsyncIterator[EffectRow]:
        reach = Reach(config.load(self._state), guard_state.load(self._state).brokers)
        reach.more = guard_state.wanted(self._state).places
        await reach.look_up()
        plan = await reach.plan(())
        for near, far in await asyncio.to_thread(edges.doomed, plan):
            yield EffectRow(what="connection", name=from_text(far), near=near)

    async def restricted(self) -> AsyncIterator[EffectRow]:
        known = config.load(self._state).sessions
        for pid, name in await edges.not_startable(known):
            yield EffectRow(what="program", name=name, pid=pid)
