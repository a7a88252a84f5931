"""`restrict`: only known programs may start on the device."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec

from commands.language import actions
from commands.language.command import ADVANCED, HIDDEN, Command, DeskCommand
from commands.language.desk import Desk
from commands.language.errors import NeedsAnswer
from commands.language.items import Item
from commands.language.names import shown
from commands.language.visible import visible

NAMED, LONGEST = 5, 100


class Restrict(DeskCommand, role=ADVANCED, group="change", changes=True, queued=True, limit=None):
    """Let only known programs start.

    Known is what the package manager installed and is unchanged since (Linux), what Microsoft
    signed (Windows), and Fireline's own. What runs already goes on; on Linux what no package
    installed cannot start others. Not seen there, and so not stopped: libraries (LD_PRELOAD,
    dlopen), code in an interpreter's words or from a pipe (`bash -c`, `curl | sh`), scripts that a
    script reads. unrestrict takes it back.
    """

    device: Annotated[str, HIDDEN] = ""

    async def prepare(self, desk: Desk) -> Command:
        return msgspec.structs.replace(self, device=actions.device_of(self, self.device, desk))

    async def question(self, desk: Desk) -> NeedsAnswer | None:
        if not desk.asks:
            return None
        parts = [f"restrict on {self.device}: only known programs start"]
        if (effects := await desk.actions.foreseen(self)) is not None:
            parts.append(_not_again([shown(one.name)[:LONGEST] for one in effects]))
        parts += ["its user is told", f"comment: {visible(desk.comment)}"]
        return NeedsAnswer(
            "; ".join(parts),
            "-yes answers it",
            expects=self.device,
        )

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        async for item in desk.actions.carry_out(self):
            yield item


def _not_again(paths: list[str]) -> str:
    """What runs now and would be stopped at its next start."""
    different = list(dict.fromkeys(paths))
    if not different:
        return "all that runs now could be started again"
    more = f" and {len(different) - NAMED:,} more" if len(different) > NAMED else ""
    what = "1 program runs" if len(different) == 1 else f"{len(different):,} programs run"
    return f"{what} and could not be started again: {', '.join(different[:NAMED])}{more}"
