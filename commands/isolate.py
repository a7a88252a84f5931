"""`isolate`: nothing passes on the device but the broker."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec

from commands.language import actions
from commands.language.command import ADVANCED, HIDDEN, NAMED, Command, DeskCommand
from commands.language.desk import Desk
from commands.language.errors import NeedsAnswer, NotUnderstood
from commands.language.items import Item
from commands.language.visible import visible

FORMS = "10m, 2h or 3d"


class Isolate(DeskCommand, role=ADVANCED, group="change", changes=True, queued=True, limit=None):
    """Cut the device off: nothing passes but this broker and DHCP, in both directions.

    Connections that stand end too, in containers and through forwarding as well. It holds across
    restarts and puts itself back where somebody removes it. Before it is final the device reaches
    this broker over a new connection; where it cannot, it undoes it and says what it saw.

    -type selective lets pass what the rules of this broker's isolation.yaml allow (its set
    `default`: Outlook, Teams and Skype for Business); -rules names another set. What a device lacks
    for a rule is said. -ttl ends it after a time that the device counts alone. -force keeps it
    although the broker is not reached, and needs -ttl. release takes it back.
    """

    device: Annotated[str, HIDDEN] = ""
    type: Annotated[Literal["full", "selective"], "how much is cut", NAMED] = "full"
    ttl: Annotated[str | None, f"ends by itself after so long: {FORMS}", NAMED] = None
    rules: Annotated[str, "the set of rules of a selective isolation", NAMED] = "default"
    force: Annotated[bool, "keep it although the broker is not reached anew"] = False

    async def prepare(self, desk: Desk) -> Command:
        ttl_s = actions.seconds(self.ttl)
        if self.force and ttl_s is None:
            raise NotUnderstood("isolate -force needs -ttl: nobody could take it back")
        return msgspec.structs.replace(self, device=actions.device_of(self, self.device, desk))

    async def question(self, desk: Desk) -> NeedsAnswer | None:
        if not desk.asks:
            return None
        until = f", ends after {self.ttl}" if self.ttl else ""
        what = "nothing passes but this broker and DHCP"
        if self.type == "selective":
            what = f"nothing passes but this broker, DHCP and the rules {visible(self.rules)}"
        parts = [f"isolate -type {self.type} on {self.device}: {what}{until}"]
        if left_out := await desk.actions.left_out(self):
            parts.append(left_out)
        if (effects := await desk.actions.foreseen(self)) is not None:
            most = "at most " if self.type == "selective" else ""
            ends = "1 connection ends" if len(effects) == 1 else f"{len(effects):,} connections end"
            parts.append(f"{most}{ends}")
        parts += ["its user is told", f"comment: {visible(desk.comment)}"]
        return NeedsAnswer(
            "; ".join(parts),
            "-yes answers it",
            expects=self.device,
        )

    async def run(self, desk: Desk) -> AsyncIterator[Item]:
        async for item in desk.actions.carry_out(self):
            yield item
