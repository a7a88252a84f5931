"""The scan on Windows: Microsoft Defender, by its own command line."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing

from commands.language.errors import Failed, Refused
from commands.language.host.scanning import DetectionRow, Kind
from commands.language.items import Progress
from commands.language.names import Name, from_text
from endpoint_shim.groups import Group
from endpoint_shim.windows import defender, handles
from endpoint_shim.windows.defender_words import Detection
from endpoint_shim.windows.paths import PathPolicy, joined

assert sys.platform == "win32"

ENGINE = "Microsoft Defender"


class WindowsScanner:
    """Made for one command; `folder` is where its person stands."""

    def __init__(self, folder: Name, policy: PathPolicy, group: Group) -> None:
        self._folder, self._policy, self._group = folder, policy, group

    async def engine(self) -> str:
        await asyncio.to_thread(defender.program)
        return await asyncio.to_thread(defender.signatures)

    async def scan(
        self, kind: Kind, path: Name | None
    ) -> AsyncIterator[DetectionRow | Progress | str]:
        top = None if path is None else joined(self._folder, path)
        if top is not None:
            await asyncio.to_thread(self._check, top)
        scan = defender.Scan(await asyncio.to_thread(defender.program), adopt=self._group.add)
        async with aclosing(scan.run(kind, top)) as ticks:  # type: ignore[type-var]
            async for seconds in ticks:
                yield Progress(int(seconds), None, "seconds; Defender does not say how far it is")
        for note in scan.notes:
            yield note
        kept_back = 0
        for one in scan.found.detections:
            for resource in one.resources or ("",):
                if self._may_tell(resource):
                    yield _row(one, resource)
                else:
                    kept_back += 1
        if kept_back:
            yield f"{kept_back:,} detections lie where the device's policy lets nobody look"
        if scan.found.error:
            raise Failed(scan.found.error)

    def _check(self, path: str) -> None:
        """That it is there, and what the device lets a responder look at."""
        with handles.looked_at(path, self._policy):
            return

    def _may_tell(self, resource: str) -> bool:
        try:
            self._policy.check_path(resource.partition("->")[0])
        except Refused:
            return False
        return True


def _row(one: Detection, resource: str) -> DetectionRow:
    return DetectionRow(path=from_text(resource), threat=one.threat, what=one.action, engine=ENGINE)
