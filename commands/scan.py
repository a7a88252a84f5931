"""`scan`: the device's own antivirus engine looks."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Literal

import msgspec

from commands.language import actions
from commands.language.command import ADVANCED, HIDDEN, NAMED, Command, DeviceCommand
from commands.language.desk import Desk
from commands.language.host import Host
from commands.language.host.scanning import DetectionRow, Unseen
from commands.language.items import Item, Note
from commands.language.names import Name


class Scan(
    DeviceCommand,
    role=ADVANCED,
    group="take",
    rows=DetectionRow,
    limit=None,
    queued=True,
):
    """Have the device's own engine look for malware: Defender on Windows, ClamAV on Linux.

    quick looks where malware starts: running programs, temporary folders, homes, start-up places;
    full at all local files; -path at one file or folder. What is found is a row each and stands in
    the device's timeline. The same scan asked again while one is open gives the first one's action;
    cancel, or Ctrl-C while it is shown, stops it on the device.
    """

    device: Annotated[str, HIDDEN] = ""
    type: Annotated[Literal["quick", "full"], "where it looks", NAMED] = "quick"
    path: Annotated[Name | None, "only this file or folder", NAMED] = None

    async def prepare(self, desk: Desk) -> Command:
        return msgspec.structs.replace(self, device=actions.device_of(self, self.device, desk))

    async def run(self, host: Host) -> AsyncIterator[Item]:
        yield Note(await host.scanner.engine())
        found, rest = 0, ""
        async with aclosing(host.scanner.scan(self.type, self.path)) as seen:  # type: ignore[type-var]
            async for one in seen:
                if isinstance(one, str):
                    yield Note(one)
                    continue
                if isinstance(one, Unseen):
                    rest = f"; {one.files:,} not looked into, by {one.first}"
                    continue
                found += isinstance(one, DetectionRow)
                yield one
        count = "1 detection" if found == 1 else f"{found:,} detections"
        yield Note((count if found else "nothing was found") + rest)
