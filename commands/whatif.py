"""`whatif`: what isolate or restrict would do to the device as it is now."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Literal

from commands.language.command import ADVANCED, DeviceCommand
from commands.language.host import Host
from commands.language.host.foresight import EffectRow
from commands.language.items import Item


class WhatIf(DeviceCommand, role=ADVANCED, group="change", rows=EffectRow, limit=60):
    """Show what isolate or restrict would do to the device now; nothing is changed.

    isolate: the TCP connections that would end; with -type selective at most these. restrict: what
    runs and could not be started again. Both words ask this themselves for their plan.
    """

    action: Annotated[Literal["isolate", "restrict"], "the word to try"]

    async def run(self, host: Host) -> AsyncIterator[Item]:
        look = host.foresight
        found = look.isolated() if self.action == "isolate" else look.restricted()
        async with aclosing(found) as rows:  # type: ignore[type-var]
            async for row in rows:
                yield row
