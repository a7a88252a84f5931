"""Tags, as a person may see and change them."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from commands.language.desk.tags import TagCountRow, TagRow
from commands.language.visible import visible
from server.live.tags import found

if TYPE_CHECKING:
    from server.live.inventory import Device
    from server.live.rooms import Rooms
    from server.live.session import Session


class DeskTags:
    """Implements `commands.language.desk.tags.Tags`."""

    def __init__(self, broker: "Rooms", session: "Session") -> None:
        self._broker, self._session = broker, session

    async def rows(self, device_name: str) -> AsyncIterator[TagRow | TagCountRow]:
        if not device_name:
            for row in self._everywhere():
                yield row
            return
        device = self._device(device_name)
        for tag in device.tags:
            yield TagRow(tag=tag, state="set")
        for tag in proposed(device):
            yield TagRow(tag=visible(tag), state="proposed")

    async def add(self, device: str, tag: str) -> TagRow:
        new = await self._broker.tags.add(self._session, self._device(device), tag)
        return TagRow(tag=tag, state="added" if new else "was set")

    async def remove(self, device: str, tag: str) -> TagRow:
        written = await self._broker.tags.remove(self._session, self._device(device), tag)
        return TagRow(tag=written or tag, state="removed" if written else "was not set")

    def _device(self, name: str) -> "Device":
        return self._session.sessions.visible_device(self._session.person, name)

    def _everywhere(self) -> list[TagCountRow]:
        counts: Counter[str] = Counter()
        written: dict[str, str] = {}
        for device in self._session.sessions.seen_by(self._session.person):
            for tag in device.tags:
                written.setdefault(tag.casefold(), tag)
                counts[tag.casefold()] += 1
        return [TagCountRow(tag=written[tag], devices=counts[tag]) for tag in sorted(counts)]


def proposed(device: "Device") -> list[str]:
    """What the device proposes and does not have: its own word, which counts for nothing."""
    if device.facts is None:
        return []
    return [tag for tag in device.facts.tags if found(device.tags, tag) is None]
