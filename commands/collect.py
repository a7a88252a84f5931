"""`collect`: the investigation package of a device into the session's evidence."""

import re
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec

from commands.language import actions
from commands.language.command import ADVANCED, HIDDEN, NAMED, Command, DeviceCommand, minutes
from commands.language.desk import Desk
from commands.language.errors import NotUnderstood
from commands.language.host import Host
from commands.language.host.package import DataPointRow
from commands.language.items import Into, Item, Sent
from commands.language.names import Name, shown

NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,62})-[0-9]{8}T[0-9]{6}Z\.zip")
LIMIT = "file_bytes"
MOST = 1 << 31


class Collect(
    DeviceCommand,
    role=ADVANCED,
    group="take",
    limit=minutes(60),
    rows=DataPointRow,
    most=LIMIT,
    queued=True,
):
    """Collect the device's investigation package into this session's evidence.

    One zip, DEVICE-TIME.zip, a folder for each kind of fact, CollectionSummaryReport.xls and .csv,
    and a manifest that the device signs: docs/collect.md says what is in it and how it is
    checked. What fails or hangs (30 s as a rule) stands in the report and does not stop the rest.
    Goes on where its line broke; cut off, what came is kept as a valid zip that says so. It is an
    action: it waits for a device that is offline, and the same asked again while one is open
    gives the first one's.
    """

    device: Annotated[str, HIDDEN] = ""
    only: Annotated[str | None, "only these folders of the package, with commas between", NAMED] = (
        None
    )
    at_most: Annotated[int, HIDDEN] = MOST

    async def prepare(self, desk: Desk) -> Command:
        self._folders()
        most = desk.own.limit(LIMIT)
        device = actions.device_of(self, self.device, desk)
        return msgspec.structs.replace(self, device=device, at_most=most)

    def differs(self, item: Sent, folder: Name) -> str:
        if not isinstance(item, Into):
            return ""
        named = NAME.fullmatch(item.name)
        if named is None or (self.device and named[1].lower() != self.device.lower()):
            return f"{shown(item.name)}, which is no name of its package"
        return ""

    async def run(self, host: Host) -> AsyncIterator[Item]:
        async for item in host.package.collected(self._folders(), self.at_most):
            yield item

    def _folders(self) -> list[str]:
        if self.only is None:
            return []
        folders = [one.strip() for one in self.only.split(",")]
        if not all(folders):
            raise NotUnderstood("collect -only takes names of folders, with commas between them")
        return folders
