"""The host's package: recipes read, the platform's side put in, the device's key found."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from commands.language.items import Item
from commands.language.names import from_text
from endpoint_shim import config
from endpoint_shim.collecting import recipes
from endpoint_shim.collecting.manifest import Clock
from endpoint_shim.collecting.package import PackageMaker
from endpoint_shim.collecting.side import Side
from endpoint_shim.groups import Group

if TYPE_CHECKING:
    from endpoint_shim.host import Place


class HostPackage:
    """The protocol's Package."""

    def __init__(self, place: "Place", group: Group, broker_ms: int) -> None:
        self._place, self._group = place, group
        self._clock = Clock.read(broker_ms)

    async def collected(self, only: Sequence[str], most: int) -> AsyncIterator[Item]:
        place = self._place
        found = await asyncio.to_thread(recipes.load, place.state)
        side = _side(place, self._group)
        key = place.state / config.KEY
        maker = PackageMaker(place.policy, key, place.session_folder, side, found, self._clock)
        async for item in maker.collected(only, most):
            yield item


def _side(place: "Place", group: Group) -> Side:
    folder, policy = from_text(str(place.session_folder)), place.policy
    if sys.platform == "win32":
        from endpoint_shim.windows.collecting import WindowsSide
        from endpoint_shim.windows.files import WindowsFiles
        from endpoint_shim.windows.programs import WindowsPrograms

        return WindowsSide(WindowsFiles(folder, policy), WindowsPrograms(folder, group))
    from endpoint_shim.linux.collecting import LinuxSide, few_heaps
    from endpoint_shim.linux.files import LinuxFiles
    from endpoint_shim.linux.programs import LinuxPrograms

    few_heaps()
    return LinuxSide(LinuxFiles(folder, policy), LinuxPrograms(folder, group))
